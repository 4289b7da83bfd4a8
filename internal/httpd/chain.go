package httpd

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// metrics are what /metrics shows. Labels are operation ids and statuses, never
// anything that a caller chooses.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guildhall_requests_total", Help: "Requests answered, by operation and HTTP status.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "guildhall_request_seconds", Help: "Time to answer, in seconds, by operation.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"operation"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// recorder remembers the status and size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Headers of every answer, made once: who adds a value to one adds it to a copy.
var (
	noSniffing = []string{"nosniff"}
	noStore    = []string{"no-store"}
	onlyToUs   = []string{"same-origin"} // with no-referrer browsers name no origin either, and our own forms look foreign
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noFrames   = []string{"DENY"}        // for browsers that do not know frame-ancestors
	noSharing  = []string{"same-origin"} // of the window with who opened it, and of answers with other sites' pages
	noDevices  = []string{"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"}
	onlyTLS    = []string{"max-age=31536000"} // a year; other hosts of the domain are not ours to bind
)

// chain is what every request passes: request id, deadline, security headers,
// panic guard, log line and metrics. Who calls and whether they may is asked at
// the operation, see package route. secure says that clients reach us by TLS.
func chain(next http.Handler, log *slog.Logger, m *metrics, edge Edge, secure bool) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route.WriteProblem(w, r, fault.New(fault.CrossOrigin, ""))
	}))
	sameOrigin.AddInsecureBypassPattern(report.UnsubscribePattern) // what may be done there is in its link
	next = sameOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		info := &route.Info{ID: requestID(r), Path: r.URL.Path, Address: edge.address(r), UserAgent: truncate(r.UserAgent(), 512)}
		ctx := &deadline{Context: route.WithInfo(r.Context(), info), at: started.Add(requestDeadline)}
		defer ctx.end()
		h := w.Header()
		h["X-Request-Id"] = []string{info.ID}
		h["X-Content-Type-Options"] = noSniffing
		h["Cache-Control"] = noStore
		h["Referrer-Policy"] = onlyToUs
		h["Content-Security-Policy"] = noContent
		h["X-Frame-Options"] = noFrames
		h["Cross-Origin-Opener-Policy"] = noSharing
		h["Cross-Origin-Resource-Policy"] = noSharing
		h["Permissions-Policy"] = noDevices
		if secure {
			h["Strict-Transport-Security"] = onlyTLS
		}
		rec := &recorder{ResponseWriter: w}
		defer func() { done(log, m, r, info, rec, time.Since(started)) }() // also where the connection is cut
		guarded(next, rec, r.WithContext(ctx), log)
	})
}

// guarded turns a panic into a 500, or cuts the connection where the answer has begun.
func guarded(next http.Handler, w *recorder, r *http.Request, log *slog.Logger) {
	defer func() {
		p := recover()
		switch p {
		case nil:
			return
		case http.ErrAbortHandler: // a streamed answer that cannot go on
			panic(p)
		}
		info := route.RequestInfo(r.Context())
		text := authn.Mask(truncate(fmt.Sprint(p), maxPanic), secretsOf(r)...)
		log.Error("panic", slog.String("request_id", info.ID), slog.String("operation", info.Operation),
			slog.String("panic", text), slog.String("stack", string(debug.Stack())))
		if w.status != 0 {
			panic(http.ErrAbortHandler)
		}
		route.WriteProblem(w, r, fmt.Errorf("panic: %s", text))
	}()
	next.ServeHTTP(w, r)
}

// maxPanic bounds what a panic says in the log.
const maxPanic = 2000

// secretsOf are the secrets that a request carries, as far as they are read.
func secretsOf(r *http.Request) []string {
	list := strings.Fields(r.Header.Get("Authorization"))
	for _, c := range r.Cookies() {
		list = append(list, c.Value)
	}
	for _, values := range []url.Values{r.URL.Query(), r.PostForm} {
		for name, texts := range values {
			if secretName.MatchString(name) {
				list = append(list, texts...)
			}
		}
	}
	return list
}

var secretName = regexp.MustCompile(`(?i)password|token|secret|code|state`)

func done(log *slog.Logger, m *metrics, r *http.Request, info *route.Info, rec *recorder, took time.Duration) {
	operation := info.Operation
	if operation == "" {
		operation = "none"
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(rec.status)).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	if !log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", route.LogPath(r.URL.Path)),
		slog.Int("status", rec.status), slog.Duration("took", took), slog.Int64("bytes", rec.bytes), slog.String("operation", info.Operation),
		slog.String("actor", info.Actor), slog.String("address", info.Address), slog.String("request_id", info.ID))
}

// requestID takes a well-formed id that a proxy in front gave, or makes one.
func requestID(r *http.Request) string {
	given := r.Header.Get("X-Request-Id")
	if len(given) < 8 || len(given) > 64 {
		return id.New[string]()
	}
	for _, c := range []byte(given) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return id.New[string]()
		}
	}
	return given
}

// truncate cuts at a character's border and drops what is no text.
func truncate(s string, most int) string {
	if len(s) <= most && !strings.ContainsFunc(s, noText) {
		return s
	}
	out := make([]rune, 0, min(len(s), most))
	for _, c := range s {
		if noText(c) {
			continue
		}
		if len(out) == most {
			break
		}
		out = append(out, c)
	}
	return string(out)
}

func noText(c rune) bool { return c == 0 || c == '\ufffd' }

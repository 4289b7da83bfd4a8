// Package httpd is the rim: the one route table, the one chain that every request
// passes, and what is answered outside the operations: health, metrics, errors.
package httpd

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/guildhall-dev/guildhall/internal/access"
	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/activity"
	"github.com/guildhall-dev/guildhall/internal/apitoken"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/catalogue"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/credential"
	"github.com/guildhall-dev/guildhall/internal/device"
	"github.com/guildhall-dev/guildhall/internal/gittoken"
	"github.com/guildhall-dev/guildhall/internal/group"
	"github.com/guildhall-dev/guildhall/internal/history"
	"github.com/guildhall-dev/guildhall/internal/invitation"
	"github.com/guildhall-dev/guildhall/internal/member"
	"github.com/guildhall-dev/guildhall/internal/oidc"
	"github.com/guildhall-dev/guildhall/internal/organization"
	"github.com/guildhall-dev/guildhall/internal/project"
	"github.com/guildhall-dev/guildhall/internal/registry"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/role"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/takeout"
)

// Limits of every request.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	requestDeadline   = 30 * time.Second
	maxHeaderBytes    = 64 << 10
)

// Services are what the operations call.
type Services struct {
	DB            *store.DB
	Accounts      *account.Service
	Organizations *organization.Service
	Projects      *project.Service
	Tokens        *apitoken.Service
	Members       *member.Service
	Roles         *role.Service
	Invitations   *invitation.Service
	Identities    *oidc.Service
	Devices       *device.Service
	Reports       *report.Service
	TakeOut       *takeout.Service
	Access        *access.Service
	History       *history.Service
	Credentials   *credential.Service
	Registries    *registry.Service
	GitTokens     *gittoken.Service
	Groups        *group.Service
	Retention     activity.Retention
	Heads         *audit.Signer
	// Fit tells why this node should get no requests though its database answers;
	// empty where it should.
	Fit func(ctx context.Context) string
	// Notice is what stands above every page.
	Notice func(ctx context.Context) string
	// Collectors are further things for /metrics.
	Collectors []prometheus.Collector
}

// Server answers requests.
type Server struct {
	handler http.Handler
	router  *route.Router
	pages   *console.Pages
	db      *store.DB
	fit     func(ctx context.Context) string
	streams *activity.Streams
	// stopping makes /readyz say no, so that a load balancer looks elsewhere.
	stopping atomic.Bool
}

// New makes the server. publicURL stands in links.
func New(s Services, d route.Deps, log *slog.Logger, publicURL string, edge Edge) *Server {
	mux := http.NewServeMux()
	server := &Server{db: s.DB, fit: s.Fit, streams: activity.NewStreams()}
	server.router = route.New(mux, document(publicURL), d)
	operations(server.router, s, publicURL, server.streams)
	pages := console.NewPages(mux, server.router, publicURL, neighbours(s))
	pages.Notice, pages.TLS = s.Notice, edge.TLS
	server.pages = pages
	account.Pages(pages, s.Accounts)
	oidc.Pages(pages, s.Identities)
	device.Pages(pages, s.Devices)
	invitation.Pages(pages, s.Invitations)
	report.Pages(pages, s.Reports)
	takeout.Pages(pages, s.TakeOut)
	organization.Pages(pages, s.Organizations, s.Projects)
	project.Pages(pages, s.Projects)
	member.Pages(pages, s.Members, besideMembers(s, publicURL))
	apitoken.Pages(pages, s.Tokens)
	activity.Pages(pages, s.DB, s.Retention, s.Heads, server.streams)
	access.Pages(pages, s.Access)
	role.Pages(pages, s.Roles, server.router.Foresee)
	m := newMetrics()
	m.registry.MustRegister(s.Collectors...)
	mux.HandleFunc("GET /healthz", server.healthz)
	mux.HandleFunc("GET /readyz", server.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /openapi.json", serveDocument(server.router))
	pages.Handle("GET /{$}", authz.Public, welcome)
	mux.Handle("/", newElsewhere(mux))
	server.handler = chain(mux, log, m, edge, edge.TLS || strings.HasPrefix(publicURL, "https://"))
	return server
}

// operations is the route table, a line a feature.
func operations(r *route.Router, s Services, publicURL string, streams *activity.Streams) {
	account.Register(r, s.Accounts)
	takeout.Register(r, s.TakeOut)
	oidc.Register(r, s.Identities)
	device.Register(r, s.Devices, publicURL)
	organization.Register(r, s.Organizations, s.DB.Heads())
	member.Register(r, s.Members)
	invitation.Register(r, s.Invitations, publicURL)
	role.Register(r, s.Roles)
	access.Register(r, s.Access)
	project.Register(r, s.Projects)
	apitoken.Register(r, s.Tokens)
	activity.Register(r, s.DB, s.Retention, publicURL, s.Heads, streams)
	history.Register(r, s.History)
	catalogue.Register(r)
	credential.Register(r, s.Credentials)
	registry.Register(r, s.Registries)
	gittoken.Register(r, s.GitTokens)
	group.Register(r, s.Groups)
}

// Handler is everything that the server answers.
func (s *Server) Handler() http.Handler { return s.handler }

// Table lists the operations that are served.
func (s *Server) Table() []route.Operation { return s.router.Table() }

// Streams are the answers that go on.
func (s *Server) Streams() *activity.Streams { return s.streams }

// Pages lists the pages that are served, and the forms on them.
func (s *Server) Pages() []console.Row { return s.pages.Rows() }

// Retire makes /readyz say no while everything else is answered as before.
func (s *Server) Retire() { s.stopping.Store(true) }

// Serve answers on a listener until ctx ends, then lets running requests finish.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration, log *slog.Logger) error {
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(s.streams.End)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.Retire()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("requests were still running after %s: %w", grace, err)
	}
	return nil
}

func (*Server) healthz(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok", "") }

// readyz tells whether this node should get requests.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		answer(w, http.StatusServiceUnavailable, "stopping", "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		answer(w, http.StatusServiceUnavailable, "unavailable", "the database does not answer")
		return
	}
	if s.fit != nil {
		if reason := s.fit(ctx); reason != "" {
			answer(w, http.StatusServiceUnavailable, "unavailable", reason)
			return
		}
	}
	answer(w, http.StatusOK, "ready", "")
}

func answer(w http.ResponseWriter, status int, word, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := map[string]string{"status": word}
	if reason != "" {
		body["reason"] = reason
	}
	_ = json.NewEncoder(w).Encode(body) // the client has gone when this fails
}

// document is the frame of our API description.
func document(publicURL string) *huma.OpenAPI {
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Guildhall", Version: "1.0.4", License: &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"},
			Description: "The organization control plane: organizations, people, roles, tokens, plans, audit. Compatible with the clients of the public contract; what goes beyond it says so. Every error has the same body, see Problem.",
		},
		Components: &huma.Components{
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearerAuth": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A person's access token or an API token."},
				"ApiKeyAuth": {Type: "apiKey", In: "header", Name: "Authorization", Description: "'Token ' and an API token or a person's access token."},
			},
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
		},
	}
	if publicURL != "" {
		doc.Servers = []*huma.Server{{URL: publicURL}}
	}
	return doc
}

// unserved is the route table without a database behind it, for describing it.
func unserved() *route.Router {
	r := route.New(http.NewServeMux(), document(""), route.Deps{})
	db := &store.DB{}
	operations(r, Services{
		DB: db, Credentials: credential.NewService(db, nil), Registries: registry.NewService(db, nil), GitTokens: gittoken.NewService(db, nil), Groups: group.NewService(db),
	}, "", nil)
	return r
}

// Document writes our API description as OpenAPI 3.0.
func Document() ([]byte, error) { return encodeDocument(unserved()) }

// Table lists the operations of the route table.
func Table() []route.Operation { return unserved().Table() }

func encodeDocument(r *route.Router) ([]byte, error) {
	text, err := r.OpenAPI().Downgrade()
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	text, err = json.MarshalIndent(tree, "", "  ") // sorted keys: the same text each time
	return append(text, '\n'), err
}

func serveDocument(r *route.Router) http.HandlerFunc {
	text, err := encodeDocument(r)
	return func(w http.ResponseWriter, req *http.Request) {
		if err != nil {
			route.WriteProblem(w, req, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // the client has gone when this fails
	}
}

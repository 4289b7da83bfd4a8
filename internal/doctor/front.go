package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/certificate"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// publicURL is where clients should reach the server: as it is set, or else as the
// last server that ran here was reached.
func (p *Patient) publicURL(ctx context.Context) string {
	if p.settings.PublicURL == "" && p.db != nil {
		if known, err := store.Setting(p.db.Reader(ctx), "public_url"); err == nil && known != "" {
			return known
		}
	}
	return p.settings.BaseURL(p.settings.Listen)
}

// checkPublicURL goes the way of a client.
func (p *Patient) checkPublicURL(ctx context.Context) Finding {
	address := p.publicURL(ctx)
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return problem("Set --public-url to something like https://guildhall.example.com.", "The public URL %q is no address.", address)
	}
	var list []Finding
	if u.Scheme != "https" && !loopback(u.Hostname()) {
		list = append(list, warning("Use --tls-cert and --tls-key, or a proxy with TLS, and an https:// address in --public-url.",
			"Clients reach the server by %s: everybody on the way can read passwords and tokens.", address))
	}
	if !p.running {
		return gravest(append(list, warning("Start it, and ask again.", "Whether %s leads here cannot be told: no server runs.", address))...)
	}
	return gravest(append(list, p.reach(ctx, address))...)
}

// reach asks the public URL for our health, and for a key that only we have.
func (p *Patient) reach(ctx context.Context, address string) Finding {
	var health struct {
		Status string `json:"status"`
	}
	if err := fetch(ctx, address+"/healthz", &health); err != nil {
		var unknown x509.UnknownAuthorityError
		var refused answered
		switch {
		case errors.As(err, &unknown):
			return problem("Use a certificate of a known authority, with its chain, or make the authority known to this machine.", "%s shows a certificate that this machine does not trust: %s.", address, sentence(err))
		case errors.As(err, &refused):
			return problem("Point the proxy, or --public-url, to this server.", "%s answers, but not as Guildhall does: %s.", address, sentence(err))
		}
		return problem("Is the name known, the port open, the proxy running? A server that only others reach needs no change.",
			"From this machine, %s cannot be reached: %s.", address, sentence(err))
	}
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := fetch(ctx, address+"/.well-known/jwks.json", &set); err != nil || health.Status != "ok" {
		return problem("Point the proxy, or --public-url, to this server.", "%s answers, but not as Guildhall does.", address)
	}
	if p.db == nil {
		return warning("See the check of the database.", "%s is a Guildhall; whether it is this one cannot be told.", address)
	}
	ours, err := store.All(p.db.Reader(ctx), `SELECT id FROM signing_key`, func(s store.Scan) (key string, err error) { return key, s(&key) })
	if err != nil {
		return unread()
	}
	for _, key := range set.Keys {
		if slices.Contains(ours, key.ID) {
			return ok("%s leads to this server.", address)
		}
	}
	return problem("Point the proxy, or --public-url, to this server.", "%s leads to another Guildhall, not to this one.", address)
}

// answered is an answer that is not ours.
type answered string

func (a answered) Error() string { return string(a) }

func fetch(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(text, into) != nil {
		return answered(fmt.Sprintf("%s says %s", strings.TrimPrefix(req.URL.Path, "/"), resp.Status))
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

// checkTLS looks at our own certificate.
func (p *Patient) checkTLS(ctx context.Context) Finding {
	address := p.publicURL(ctx)
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{}
	}
	if !p.settings.TLS() {
		if u.Scheme == "https" {
			return ok("Guildhall has no certificate of its own; a proxy in front speaks https.")
		}
		return ok("Nobody speaks TLS, which is fine on one machine only.")
	}
	now := p.clock.Now()
	pair, err := certificate.Load(p.settings.TLSCert, p.settings.TLSKey, now)
	if err != nil {
		return problem("Put a certificate that is valid now, with its chain and its key, into the files.", "%s.", sentence(err))
	}
	end := pair.Leaf.NotAfter
	list := []Finding{ok("The certificate and its key are a pair, until %s.", end.UTC().Format(time.DateOnly))}
	if end.Sub(now) < certificate.RenewBefore {
		list = append(list, warning("Renew it; the server takes the new files by itself.", "The certificate ends on %s.", end.UTC().Format(time.DateOnly)))
	}
	if err := pair.Leaf.VerifyHostname(u.Hostname()); err != nil && p.settings.PublicURL != "" {
		list = append(list, warning("Get a certificate with that name, unless a proxy in front has one.", "The certificate is not for the host of the public URL: %s.", sentence(err)))
	}
	return gravest(list...)
}

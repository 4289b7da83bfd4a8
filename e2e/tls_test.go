package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/certificate/certificatetest"
)

// shown asks over TLS and tells whose certificate the server showed.
func shown(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url + "/healthz")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	if resp.Header.Get("Strict-Transport-Security") == "" {
		return "", fmt.Errorf("no Strict-Transport-Security: %v", resp.Header)
	}
	return resp.TLS.PeerCertificates[0].Subject.CommonName, nil
}

// TestTLS: the server speaks TLS by itself, takes a renewed certificate on SIGHUP
// without cutting anybody off, and does not start with one that no client accepts.
func TestTLS(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "sqlite")
	dir := t.TempDir()
	cert, key := certificatetest.Files(t, dir, "one", time.Now().Add(24*time.Hour))
	s := p.serve(t, "--tls-cert="+cert, "--tls-key="+key)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatalf("it says that it listens on %s", s.URL)
	}
	newClient := func() *http.Client {
		return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	}
	open := newClient()
	if got, err := shown(open, s.URL); err != nil || got != "one" {
		t.Fatalf("%q, %v", got, err)
	}
	certificatetest.Files(t, dir, "two", time.Now().Add(24*time.Hour))
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := until(func() error {
		got, err := shown(newClient(), s.URL)
		if err == nil && got != "two" {
			err = fmt.Errorf("a new connection sees %s", got)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if got, err := shown(open, s.URL); err != nil || got != "one" {
		t.Errorf("the open connection: %q, %v", got, err)
	}
	finish(t, s)

	other := t.TempDir()
	expired, expiredKey := certificatetest.Files(t, other, "old", time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"mismatched": {[]string{"--tls-cert=" + cert, "--tls-key=" + expiredKey}, "do not make a pair"},
		"expired":    {[]string{"--tls-cert=" + expired, "--tls-key=" + expiredKey}, "expired on "},
		"missing":    {[]string{"--tls-cert=" + dir + "/none.pem", "--tls-key=" + key}, "read the TLS certificate: open " + dir + "/none.pem"},
		"half":       {[]string{"--tls-cert=" + cert}, "--tls-cert and --tls-key go together"},
	} {
		if o := p.run(t, append([]string{"serve", "--listen=127.0.0.1:0"}, c.args...)...); o.code != 1 || !strings.Contains(o.err, c.want) {
			t.Errorf("%s: exit %d, %s", name, o.code, o.err)
		}
	}
}

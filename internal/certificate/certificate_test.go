package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/certificate"
	"github.com/guildhall-dev/guildhall/internal/certificate/certificatetest"
	"github.com/guildhall-dev/guildhall/internal/clock"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// files are where a certificate and its key lie.
type files struct{ cert, key string }

func newFiles(t *testing.T) files {
	dir := t.TempDir()
	return files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func TestLoad(t *testing.T) {
	good, goodKey := certificatetest.Issue(t, "good", epoch.Add(-time.Hour), epoch.Add(time.Hour))
	_, otherKey := certificatetest.Issue(t, "other", epoch.Add(-time.Hour), epoch.Add(time.Hour))
	old, oldKey := certificatetest.Issue(t, "old", epoch.Add(-2*time.Hour), epoch.Add(-time.Hour))
	early, earlyKey := certificatetest.Issue(t, "early", epoch.Add(time.Hour), epoch.Add(2*time.Hour))
	for name, c := range map[string]struct {
		cert, key []byte // nil for no file
		want      string // a part of the error; empty for none
	}{
		"a pair":                   {good, goodKey, ""},
		"the key of another":       {good, otherKey, "do not make a pair"},
		"the two swapped":          {goodKey, good, "do not make a pair"},
		"no PEM":                   {[]byte("x"), goodKey, "do not make a pair"},
		"expired":                  {old, oldKey, "expired on 2026-03-01 11:00 UTC: renew it"},
		"not valid yet":            {early, earlyKey, "is valid only from 2026-03-01 13:00 UTC on"},
		"a certificate is missing": {nil, goodKey, "read the TLS certificate: open "},
		"a key is missing":         {good, nil, "read the TLS key: open "},
	} {
		f := newFiles(t)
		if c.cert != nil {
			certificatetest.Write(t, f.cert, c.cert)
		}
		if c.key != nil {
			certificatetest.Write(t, f.key, c.key)
		}
		_, err := certificate.Load(f.cert, f.key, epoch)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// name asks a server and tells whose certificate it showed, and over which protocol.
func name(t *testing.T, client *http.Client, url string) (string, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.TLS.PeerCertificates[0].Subject.CommonName, resp.Proto
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
}

// TestRenewal: a new connection sees the new certificate, an open one goes on, and
// files that are not good, or only half there, change nothing.
func TestRenewal(t *testing.T) {
	f := newFiles(t)
	one, oneKey := certificatetest.Issue(t, "one", epoch.Add(-time.Hour), epoch.Add(time.Hour))
	two, twoKey := certificatetest.Issue(t, "two", epoch.Add(-time.Hour), epoch.Add(time.Hour))
	old, oldKey := certificatetest.Issue(t, "old", epoch.Add(-2*time.Hour), epoch.Add(-time.Hour))
	certificatetest.Write(t, f.cert, one)
	certificatetest.Write(t, f.key, oneKey)
	k, err := certificate.Open(f.cert, f.key, clock.NewManual(epoch))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Listener = tls.NewListener(server.Listener, k.Config())
	server.Start()
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "http:", "https:", 1)

	var log bytes.Buffer
	refresh := func(want string) {
		t.Helper()
		log.Reset()
		k.Refresh(slog.New(slog.NewTextHandler(&log, nil)))
		if got := log.String(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
	open := newClient()
	if got, protocol := name(t, open, url); got != "one" || protocol != "HTTP/2.0" {
		t.Fatalf("%s over %s", got, protocol)
	}
	refresh("")
	certificatetest.Write(t, f.cert, append(two, '\n')) // another length, whatever the clock of the file system
	refresh("do not make a pair")
	refresh("") // said once
	if got, _ := name(t, newClient(), url); got != "one" {
		t.Errorf("half a renewal: %s", got)
	}
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	refresh("read the TLS key")
	certificatetest.Write(t, f.key, twoKey)
	refresh("was renewed")
	if got, _ := name(t, newClient(), url); got != "two" {
		t.Errorf("a new connection sees %s", got)
	}
	if got, _ := name(t, open, url); got != "one" {
		t.Errorf("the open connection was cut: it sees %s", got)
	}
	certificatetest.Write(t, f.cert, append(old, '\n', '\n'))
	certificatetest.Write(t, f.key, append(oldKey, '\n', '\n'))
	if err := k.Reload(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired pair: %v", err)
	}
	if got, _ := name(t, newClient(), url); got != "two" {
		t.Errorf("after a bad pair: %s", got)
	}

	for version, works := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != works {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// TestReminder: a certificate that ends soon is spoken of when the server starts.
func TestReminder(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		want bool
	}{{13 * 24 * time.Hour, true}, {15 * 24 * time.Hour, false}} {
		f := newFiles(t)
		cert, key := certificatetest.Issue(t, "soon", epoch.Add(-time.Hour), epoch.Add(c.left))
		certificatetest.Write(t, f.cert, cert)
		certificatetest.Write(t, f.key, key)
		k, err := certificate.Open(f.cert, f.key, clock.NewManual(epoch))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log bytes.Buffer
		k.Watch(ctx, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Contains(log.String(), "should be renewed"); got != c.want {
			t.Errorf("%s left: %q", c.left, log.String())
		}
	}
}

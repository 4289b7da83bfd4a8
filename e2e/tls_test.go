package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// issue writes a certificate for 127.0.0.1 with its key into a directory.
func issue(t *testing.T, dir, name string, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

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
	cert, key := issue(t, dir, "one", time.Now().Add(24*time.Hour))
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
	issue(t, dir, "two", time.Now().Add(24*time.Hour))
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
	expired, expiredKey := issue(t, other, "old", time.Now().Add(-time.Hour))
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

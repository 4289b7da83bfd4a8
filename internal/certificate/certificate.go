// Package certificate holds the server's own TLS certificate. It is read at the start,
// and anew when its files change, so that a renewal cuts nobody off.
package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// RenewBefore is how long before its end a certificate should have been renewed.
const RenewBefore = 14 * 24 * time.Hour

// Load reads a certificate with its key, and refuses what no client would accept at
// the moment now.
func Load(certFile, keyFile string, now time.Time) (*tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read the TLS certificate: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the TLS key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the TLS certificate %s and the key %s do not make a pair: %w", certFile, keyFile, err)
	}
	const day = "2006-01-02 15:04 MST"
	switch {
	case now.After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("the TLS certificate %s expired on %s: renew it", certFile, pair.Leaf.NotAfter.UTC().Format(day))
	case now.Before(pair.Leaf.NotBefore):
		return nil, fmt.Errorf("the TLS certificate %s is valid only from %s on: is this machine's clock right?", certFile, pair.Leaf.NotBefore.UTC().Format(day))
	}
	return &pair, nil
}

// Keeper gives the newest good certificate to every new connection.
type Keeper struct {
	certFile, keyFile string
	clock             clock.Clock
	current           atomic.Pointer[tls.Certificate]

	mu   sync.Mutex
	seen [2]fs.FileInfo // the files as they were when they were last read
}

// Open reads the certificate for the first time.
func Open(certFile, keyFile string, c clock.Clock) (*Keeper, error) {
	k := &Keeper{certFile: certFile, keyFile: keyFile, clock: c}
	k.seen = k.look()
	return k, k.Reload()
}

// Config is for a listener. What is older than TLS 1.2 is refused.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current.Load(), nil },
	}
}

// Reload reads the files again. Connections that are open stay; where the files are
// not good, the certificate in use stays too.
func (k *Keeper) Reload() error {
	pair, err := Load(k.certFile, k.keyFile, k.clock.Now())
	if err == nil {
		k.current.Store(pair)
	}
	return err
}

// Refresh reads the files again if they are not those that were read last.
func (k *Keeper) Refresh(log *slog.Logger) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.look()
	if same(now, k.seen) {
		return
	}
	k.seen = now // a bad pair is complained about once, and tried again when a file changes
	if err := k.Reload(); err != nil {
		log.Error("the new TLS certificate is not used", slog.Any("error", err))
		return
	}
	log.Info("the TLS certificate was renewed", slog.Time("ends", k.current.Load().Leaf.NotAfter))
}

// Watch refreshes at each interval until ctx ends, and reminds once a day of a
// certificate that nobody renews.
func (k *Keeper) Watch(ctx context.Context, interval time.Duration, log *slog.Logger) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var reminded time.Time
	for {
		k.Refresh(log)
		now, end := k.clock.Now(), k.current.Load().Leaf.NotAfter
		if end.Sub(now) < RenewBefore && now.Sub(reminded) > 24*time.Hour {
			log.Warn("the TLS certificate should be renewed", slog.String("file", k.certFile), slog.Time("ends", end))
			reminded = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look describes both files; nil for one that cannot be looked at.
func (k *Keeper) look() (files [2]fs.FileInfo) {
	for i, name := range []string{k.certFile, k.keyFile} {
		if info, err := os.Stat(name); err == nil {
			files[i] = info
		}
	}
	return files
}

// same also tells a link that was pointed elsewhere, as orchestrators do it.
func same(a, b [2]fs.FileInfo) bool {
	for i := range a {
		if a[i] == nil || b[i] == nil {
			if a[i] != b[i] {
				return false
			}
			continue
		}
		if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}

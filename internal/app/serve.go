package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// certificateInterval is how soon a renewed TLS certificate is found.
const certificateInterval = 10 * time.Second

// Serve listens and answers until ctx ends. What a person should know at the start
// is written to out; ready is called with the address when requests are taken.
func (a *App) Serve(ctx context.Context, out io.Writer, ready func(url string)) error {
	l, err := net.Listen("tcp", a.Settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.Settings.Listen, err)
	}
	publicURL := a.Settings.BaseURL(l.Addr().String())
	a.signer.SetIssuer(publicURL)
	if err := store.Do(ctx, a.DB, authz.System("remember the public URL"), func(tx *store.Tx) error {
		return store.SetSetting(tx, publicURLSetting, publicURL)
	}); err != nil {
		return errors.Join(err, l.Close())
	}
	// Before anything else runs: the umask under which it is made is the whole process's.
	var control net.Listener
	if a.Storage.Embedded() {
		if control, err = a.listenControl(); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	server := a.serverAt(publicURL)
	a.Jobs.Start()

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	if a.certificate != nil {
		l = tls.NewListener(l, a.certificate.Config())
		work.Go(func() { a.certificate.Watch(background, certificateInterval, a.Log) })
	}
	work.Go(func() { a.maintain(background) })
	work.Go(func() { a.Backups.Serve(background) })
	work.Go(func() { a.Reports.Serve(background) })
	if control != nil {
		work.Go(func() { a.serveControl(background, control) })
	}
	if err := a.greet(ctx, out, l.Addr().String(), publicURL); err != nil {
		a.Log.Error("the setup link could not be made", slog.Any("error", err))
	}
	if ready != nil {
		ready(publicURL)
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	work.Go(func() {
		defer end()
		a.drain(ctx, background, server)
	})
	err = server.Serve(serving, l, a.Settings.ShutdownTimeout, a.Log)
	stop()
	work.Wait()
	a.Log.Info("stopped")
	return err
}

// drain waits until the server is told to stop (ctx), and then for the time in which
// load balancers find out; it does not outlast the server's own life.
func (a *App) drain(ctx, life context.Context, server *httpd.Server) {
	select {
	case <-life.Done():
		return
	case <-ctx.Done():
	}
	server.Retire()
	select {
	case <-life.Done():
	case <-time.After(a.Settings.DrainTime):
	}
}

// greet says where the server is and, while there is no account, how to begin.
func (a *App) greet(ctx context.Context, out io.Writer, address, publicURL string) error {
	where := "PostgreSQL"
	if a.Storage.Embedded() {
		where = "SQLite in " + a.Storage.Data
	}
	fmt.Fprintf(out, "Guildhall listens on %s (%s).\n", config.Server{TLSCert: a.Settings.TLSCert}.BaseURL(address), where)
	if a.Settings.PublicURL != "" {
		fmt.Fprintf(out, "Clients reach it under %s.\n", publicURL)
	}
	if a.KeyCreated != "" {
		fmt.Fprintf(out, "A new master key was written to %s. Keep a copy apart from the data: without it no secret can be read again.\n", a.KeyCreated)
	}
	if demo, err := a.Demo(ctx); err != nil || demo != nil {
		if demo != nil {
			demo.greet(out, publicURL, a.Storage.Data)
		}
		return err
	}
	token, err := a.Accounts.SetupToken(ctx, authz.System("setup link"))
	if err != nil || token == "" {
		return err
	}
	fmt.Fprintf(out, "There is no account yet. Create the first one here, within an hour:\n\n    %s/setup?token=%s\n\n", publicURL, token)
	return nil
}

// maintain does what has to be done from time to time.
func (a *App) maintain(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for n := 0; ; n++ {
		if n%60 == 0 {
			if err := a.tidy(ctx); err != nil && ctx.Err() == nil {
				a.Log.Error("old rows could not be removed", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-minute.C:
		}
		if err := a.Authenticator.FlushUsage(ctx, authz.System("last use of tokens")); err != nil && ctx.Err() == nil {
			a.Log.Error("last uses of tokens could not be written", slog.Any("error", err))
		}
	}
}

// tidy removes what has outlived its time.
func (a *App) tidy(ctx context.Context) error {
	return store.Do(ctx, a.DB, authz.System("tidy"), func(tx *store.Tx) error {
		if err := errors.Join(store.DropOldAnswers(tx), a.Accounts.DropExpired(tx), a.Devices.DropExpired(tx), a.Reports.DropOld(tx)); err != nil {
			return err
		}
		return object.PurgeDeleted(tx, tx.Now().Add(-a.Settings.DeletionGrace))
	})
}

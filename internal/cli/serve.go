package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/demo"
	"github.com/guildhall-dev/guildhall/internal/httpd"
)

type serveCommand struct {
	config.Storage `embed:"" group:"Storage"`
	config.Server  `embed:"" group:"Server"`
	Demo           bool `group:"Server" help:"Fill an empty database with two made-up organizations and a year of their activity. Without --data it has a directory of its own, guildhall-demo."`
}

// Help is shown by guildhall serve --help.
func (serveCommand) Help() string {
	return "Without any flag the server keeps its data in an embedded database and prints a link to create the first account."
}

// Run starts the server and stops it on SIGINT or SIGTERM.
func (c serveCommand) Run(o output) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := logger(o.err, c.Server)
	slog.SetDefault(log)
	if c.Demo {
		if c.Storage, err = c.Storage.ForDemo(); err != nil {
			return err
		}
		c.Server.UsageReports = []string{"off"} // nobody has the made-up addresses
		if err := demo.Prepare(ctx, c.Storage, c.Server, log, o.out); err != nil {
			return err
		}
	}
	a, err := app.Open(ctx, c.Storage, c.Server, app.Options{Log: log, Program: version()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if c.TLS() {
		defer reloadOnHangup(a)()
	}
	return a.Serve(ctx, o.out, nil)
}

// reloadOnHangup reads the TLS certificate again at each SIGHUP, until the function it
// gives is called. Without TLS there is nothing to reload, and a closed terminal ends the server.
func reloadOnHangup(a *app.App) func() {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			if err := a.ReloadCertificate(); err != nil {
				a.Log.Error("the new TLS certificate is not used", slog.Any("error", err))
				continue
			}
			a.Log.Info("the TLS certificate was read again")
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

func logger(w io.Writer, s config.Server) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the flag allows only its names
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

type openapiCommand struct{}

// Run prints our API description.
func (openapiCommand) Run(o output) error {
	text, err := httpd.Document()
	if err == nil {
		_, err = o.out.Write(text)
	}
	return err
}

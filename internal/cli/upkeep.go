package cli

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
)

type keysCommands struct {
	Rotate keysRotateCommand `cmd:"" help:"Make a new master key and let it wrap everything that the old one wrapped, while the server runs. After a crash, run it again."`
}

type keysRotateCommand struct{ stored }

// Run rotates the master key.
func (c keysRotateCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	var a app.RotateAnswer
	if err := app.Operate(ctx, c.Storage, config.Mail{}, app.CommandKeysRotate, struct{}{}, &a); err != nil {
		return err
	}
	words := fmt.Sprintf("The master key in %s is a new one (fingerprint %s); %d data keys were wrapped anew.", a.KeyFile, a.Fingerprint, a.DataKeys)
	if a.OldKeyFile != "" {
		words += fmt.Sprintf("\nThe old one is in %s. The database does not open with it any more; only backups from before today need it. Keep it away from here, or delete it with them.", a.OldKeyFile)
	}
	if c.DatabaseURL != "" {
		words += fmt.Sprintf("\nBring %s to every other node now, in place of its old key or beside it with .next behind its name; a running node takes it by itself, and until then it answers /readyz with 503.", a.KeyFile)
	}
	return c.say(o, a, words)
}

type migrateCommand struct {
	stored
	config.Backup `embed:"" group:"Backup"`
	DryRun        bool `help:"Only tell which migrations would run."`
}

// Run migrates the schema without starting a server.
func (c migrateCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	options := app.Options{Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Program: version()}
	m, err := app.Migrate(ctx, c.Storage, c.Backup, options, c.DryRun)
	if err != nil {
		return err
	}
	var words strings.Builder
	switch {
	case len(m.Pending) == 0:
		fmt.Fprintf(&words, "The database has schema %d, which is what this Guildhall needs: nothing to do.", m.Schema)
	case m.Done:
		fmt.Fprintf(&words, "The schema was migrated from %d to %d:", m.Schema, m.Target)
	default:
		fmt.Fprintf(&words, "The schema would be migrated from %d to %d; nothing was changed:", m.Schema, m.Target)
	}
	for _, name := range m.Pending {
		words.WriteString("\n  " + name)
	}
	if m.Backup != "" {
		fmt.Fprintf(&words, "\nA backup from before is in %s.", m.Backup)
	}
	return c.say(o, m, words.String())
}

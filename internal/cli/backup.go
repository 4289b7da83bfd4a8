package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/backup"
	"github.com/guildhall-dev/guildhall/internal/config"
)

type backupCommands struct {
	Make   backupMakeCommand   `cmd:"" default:"withargs" help:"Copy the whole database into one file, with the server running or not. The word make can be left out."`
	Verify backupVerifyCommand `cmd:"" help:"Prove that a backup can be brought back: restore it into a scratch database, open everything sealed, walk every chain of events. Exit 1: the first thing that is wrong."`
}

// passphrase is how a wrapped master key is opened.
type passphrase struct {
	BackupPassphrase config.Secret `help:"Passphrase of the master key in the backup, at least 12 characters; GUILDHALL_BACKUP_PASSPHRASE keeps it out of the process list." placeholder:"TEXT"`
	PassphraseFile   string        `help:"File that holds the passphrase." placeholder:"FILE"`
}

func (p passphrase) given() (config.Secret, error) {
	if p.PassphraseFile == "" {
		return p.BackupPassphrase, nil
	}
	text, err := os.ReadFile(p.PassphraseFile)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return config.Secret(strings.TrimRight(string(text), "\r\n")), nil
}

// untilInterrupted ends with the operator's patience.
func untilInterrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// say prints one JSON object, or words.
func (c stored) say(o output, v any, words string) error {
	if c.JSON {
		return json.NewEncoder(o.out).Encode(v)
	}
	_, err := fmt.Fprintln(o.out, words)
	return err
}

type backupMakeCommand struct {
	stored
	passphrase
	File    string `arg:"" help:"The file to write."`
	WithKey bool   `help:"Put the master key into the backup as well, wrapped by a passphrase."`
	Force   bool   `help:"Replace the file where it is there already."`
}

// Run makes a backup.
func (c backupMakeCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	word, err := c.given()
	if err != nil {
		return err
	}
	if c.WithKey && word == "" {
		return errors.New("--with-key needs a passphrase: GUILDHALL_BACKUP_PASSPHRASE or --passphrase-file")
	}
	m, err := app.MakeBackup(ctx, c.Storage, app.BackupRequest{File: c.File, WithKey: c.WithKey, Passphrase: word, Force: c.Force, Program: version()})
	if err != nil {
		return err
	}
	words := fmt.Sprintf("%s holds the %s database, schema %d, %d bytes.", c.File, m.Database, m.Schema, m.Size)
	if m.Key != nil {
		words += "\nThe master key is in it, wrapped by the passphrase: without the passphrase no secret can be read."
	} else {
		words += fmt.Sprintf("\nThe master key (fingerprint %s) is NOT in it: keep its file too, in another place. Without it no secret can be read.", m.KeyFingerprint)
	}
	m.Key = nil
	return c.say(o, m, words)
}

type backupVerifyCommand struct {
	stored
	passphrase
	File string `arg:"" help:"The backup."`
}

// Run verifies a backup.
func (c backupVerifyCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	word, err := c.given()
	if err != nil {
		return err
	}
	v, err := app.VerifyBackup(ctx, c.Storage, c.File, word)
	if err != nil {
		return err
	}
	v.Key = nil
	return c.say(o, v, fmt.Sprintf("%s can be brought back: schema %d of %s, made by %s.\n"+
		"%d people and %d organizations; %d sealed fields, %d kept answers and %d data keys open; %d events in %d chains are as they were written.",
		c.File, v.Schema, v.CreatedAt.Format("2006-01-02 15:04:05 MST"), v.Program,
		v.People, v.Organizations, v.Fields, v.KeptAnswers, v.DataKeys, v.Events, v.Streams))
}

type restoreBackupCommand struct {
	stored
	passphrase
	File string `arg:"" help:"The backup."`
}

// restored is what --json prints.
type restored struct {
	backup.Manifest
	MasterKeyFile string `json:"master_key_file"`
}

// Run brings a backup back.
func (c restoreBackupCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	word, err := c.given()
	if err != nil {
		return err
	}
	m, s, err := app.RestoreBackup(ctx, c.Storage, c.File, word)
	if err != nil {
		return err
	}
	m.Key = nil
	where, flags := "the PostgreSQL database", "--database-url …"
	if s.Embedded() {
		where, flags = s.Data, "--data "+s.Data
	}
	return c.say(o, restored{m, s.MasterKeyFile}, fmt.Sprintf("%s is back in %s, as it was at %s. The master key is in %s.\n"+
		"Next: guildhall audit verify %s, then guildhall serve %s. What happened after the backup is not there; never run two servers of which each has a copy.",
		c.File, where, m.CreatedAt.Format("2006-01-02 15:04:05 MST"), s.MasterKeyFile, flags, flags))
}

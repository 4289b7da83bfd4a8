// Package doctor looks at an installation and says in plain words what is wrong with
// it and what to do. It changes nothing, and works beside a running server and without.
package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Status is how grave a finding is.
type Status string

// The statuses, from harmless to grave.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Problem Status = "problem"
)

// Finding is what a check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Says   string `json:"says"`
	// Do is what to do about it; empty where all is well.
	Do string `json:"do,omitempty"`
}

// Check is one look at the installation.
type Check struct {
	Name string
	Run  func(ctx context.Context) Finding
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Says: fmt.Sprintf(format, args...)}
}

func warning(do, format string, args ...any) Finding {
	return Finding{Status: Warning, Says: fmt.Sprintf(format, args...), Do: do}
}

func problem(do, format string, args ...any) Finding {
	return Finding{Status: Problem, Says: fmt.Sprintf(format, args...), Do: do}
}

// gravest is the one finding of a check that looked at several things: all that are
// not well, or else everything.
func gravest(list ...Finding) Finding {
	all := Finding{Status: OK}
	for _, status := range []Status{Problem, Warning, OK} {
		for _, f := range list {
			if f.Status == status && (status != OK || all.Status == OK) {
				if all.Status == OK {
					all.Status = status
				}
				all.Says = strings.TrimSpace(all.Says + " " + f.Says)
				all.Do = strings.TrimSpace(all.Do + " " + f.Do)
			}
		}
	}
	return all
}

// checkTime bounds one check; reading a large file through takes its time.
const checkTime = 5 * time.Minute

// Patient is the installation that is looked at.
type Patient struct {
	storage  config.Storage
	settings config.Server
	clock    clock.Clock
	running  bool // a server is there
	db       *store.DB
	dbErr    error // why db is not there
	examined func(context.Context) (store.Examination, error)
}

// Examine makes every check of an installation.
func Examine(ctx context.Context, storage config.Storage, settings config.Server, c clock.Clock) ([]Finding, error) {
	storage, err := storage.Complete()
	if err != nil {
		return nil, err
	}
	p := &Patient{storage: storage, settings: settings, clock: c}
	p.running = p.answers()
	p.db, p.dbErr = p.open(ctx)
	if p.db != nil {
		p.examined = p.once()
		defer p.db.Close() //nolint:errcheck // it was only read
	}
	var findings []Finding
	for _, check := range p.checks() {
		limited, cancel := context.WithTimeout(ctx, checkTime)
		f := check.Run(limited)
		cancel()
		f.Check = check.Name
		findings = append(findings, f)
	}
	return findings, nil
}

// checks are all of them, in the order in which they are told.
func (p *Patient) checks() []Check {
	return []Check{
		{"settings", p.checkSettings},
		{"time", p.checkTime},
		{"disk", p.checkDisk},
		{"permissions", p.checkPermissions},
		{"key", p.checkKey},
		{"database", p.checkDatabase},
		{"chain", p.checkChain},
		{"public URL", p.checkPublicURL},
		{"TLS", p.checkTLS},
		{"mail", p.checkMail},
	}
}

func (p *Patient) checkSettings(context.Context) Finding {
	if err := p.settings.Check(); err != nil {
		return problem("Correct them; guildhall config print says where each came from.", "The server would not start with these settings: %s.",
			strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return ok("The server would take these settings.")
}

// answers tells whether a server runs: by the socket in its data directory, or, with
// PostgreSQL, by the address it would listen on.
func (p *Patient) answers() bool {
	network, address := "tcp", p.settings.Listen
	if p.storage.Embedded() {
		network, address = "unix", p.storage.ControlSocket()
	}
	conn, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (p *Patient) open(ctx context.Context) (*store.DB, error) {
	o := store.Options{URL: string(p.storage.DatabaseURL), Clock: p.clock, ReadOnly: true}
	if p.storage.Embedded() {
		o.Path = p.storage.DatabaseFile()
		if _, err := os.Stat(o.Path); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	db, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return db, nil
}

// once examines the database at the first call; it may read all of it.
func (p *Patient) once() func(context.Context) (store.Examination, error) {
	var e store.Examination
	var err error
	done := false
	return func(ctx context.Context) (store.Examination, error) {
		if !done {
			e, err = p.db.Examine(ctx)
			done = true
		}
		return e, err
	}
}

// unread is the finding of a check that needs the database and has none.
func unread() Finding {
	return warning("See the check of the database.", "Not looked at: the database cannot be read.")
}

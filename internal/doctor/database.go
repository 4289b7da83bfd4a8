package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// drift is how far two clocks may be apart.
const drift = 5 * time.Second

// checkTime compares this machine's clock with what else knows the time: the file
// system, PostgreSQL's machine, and the record, which cannot be from the future.
func (p *Patient) checkTime(ctx context.Context) Finding {
	const do = "Set the clock, and let something like chrony or systemd-timesyncd keep it."
	now := p.clock.Now().UTC()
	if now.Year() < 2026 || now.Year() > 2100 {
		return problem(do, "This machine believes that it is %s.", now.Format(time.RFC3339))
	}
	var list []Finding
	if written, err := p.fileTime(); err == nil {
		if d := written.Sub(p.clock.Now()).Abs(); d > drift {
			list = append(list, warning(do, "The file system of the data directory is %s away from this machine's clock.", d.Round(time.Second)))
		}
	}
	if p.db != nil {
		if e, err := p.examined(ctx); err == nil && e.Now != 0 {
			if d := e.Now.Std().Sub(p.clock.Now()).Abs(); d > drift {
				list = append(list, warning("Let both machines keep their clocks by the same source.", "PostgreSQL's machine is %s away from this machine's clock.", d.Round(time.Second)))
			}
		}
		newest, err := store.Value[clock.Time](p.db.Reader(ctx), `SELECT COALESCE(MAX(at), 0) FROM event WHERE organization_id = $1`, store.Server)
		if ahead := newest.Std().Sub(p.clock.Now()); err == nil && ahead > time.Minute {
			list = append(list, problem(do, "The newest event on record is from %s, %s after this machine's time: the clock is behind, or was ahead then.",
				newest.Std().Format(time.RFC3339), ahead.Round(time.Second)))
		}
	}
	return gravest(append(list, ok("It is %s here, and nothing says otherwise.", now.Format(time.RFC3339)))...)
}

// checkKey holds the master key against the database.
func (p *Patient) checkKey(ctx context.Context) Finding {
	const get = "Put the right file back, or name it with --master-key-file. Without it no secret can be read."
	bound := ""
	if p.db != nil {
		var err error
		if bound, err = seal.Bound(p.db.Reader(ctx)); err != nil {
			return unread()
		}
	}
	master, err := seal.LoadMaster(p.storage.MasterKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && bound == "" && p.db == nil:
		return warning("Nothing, before the first start: the server makes it.", "There is no master key in %s yet.", p.storage.MasterKeyFile)
	case errors.Is(err, fs.ErrNotExist):
		return problem(get, "The master key %s is missing; the database was sealed with the one with the fingerprint %s.", p.storage.MasterKeyFile, bound)
	case err != nil:
		return problem(get, "%s.", sentence(err))
	case bound == "":
		return warning("See the check of the database.", "The master key has the fingerprint %s; no database could be held against it.", master.Fingerprint())
	case bound != master.Fingerprint():
		return problem(get, "The master key %s has the fingerprint %s, but the database was sealed with %s.", p.storage.MasterKeyFile, master.Fingerprint(), bound)
	}
	return ok("The master key (fingerprint %s) is the one the database was sealed with.", bound)
}

// checkDatabase asks the database how it is.
func (p *Patient) checkDatabase(ctx context.Context) Finding {
	if errors.Is(p.dbErr, fs.ErrNotExist) {
		return problem("Start guildhall serve once, or name the right directory with --data.", "There is no database in %s.", p.storage.Data)
	}
	reach := "Is PostgreSQL running, and are address, name and password in --database-url right?"
	if p.storage.Embedded() {
		reach = "May this user read it? Where it is damaged, restore the newest backup."
	}
	if p.dbErr != nil {
		return problem(reach, "The database cannot be read: %s.", sentence(p.dbErr))
	}
	e, err := p.examined(ctx)
	if err != nil {
		return problem(reach, "The database cannot be read: %s.", sentence(err))
	}
	if len(e.Damage) > 0 {
		return problem("Stop the server, keep a copy of the data directory, and restore the newest backup.", "SQLite finds damage: %s.", strings.Join(e.Damage, "; "))
	}
	list := settingsOf(e)
	if err := p.db.CheckSchema(ctx); fault.Has(err, fault.SchemaTooNew) {
		list = append(list, problem("Run the newer version.", "%s", sentence(err)))
	} else if err != nil {
		list = append(list, problem("Start the server of this version once: it migrates.", "%s.", sentence(err)))
	}
	found := "its settings are sound"
	if p.storage.Embedded() {
		found = "its quick check finds no damage"
	}
	return gravest(append(list, ok("%s %s answers with schema %d; %s.", p.db.Engine(), e.Version, store.SchemaVersion(), found))...)
}

// settingsOf judges what PostgreSQL says of itself.
func settingsOf(e store.Examination) []Finding {
	var list []Finding
	if v, err := strconv.Atoi(e.Settings["server_version_num"]); err == nil && v < 130000 {
		list = append(list, problem("Use PostgreSQL 13 or newer.", "PostgreSQL %s is too old.", e.Version))
	}
	for _, s := range []struct{ name, harm string }{
		{"fsync", "after a power cut the database may be lost"},
		{"full_page_writes", "after a power cut the database may be damaged"},
		{"synchronous_commit", "changes that were acknowledged may be lost in a crash"},
	} {
		if e.Settings[s.name] == "off" {
			list = append(list, problem("Set "+s.name+" = on.", "PostgreSQL runs with %s = off: %s.", s.name, s.harm))
		}
	}
	if encoding, known := e.Settings["server_encoding"]; known && encoding != "UTF8" {
		list = append(list, problem("Make the database anew with ENCODING 'UTF8'.", "The database's encoding is %s: it cannot hold every name.", encoding))
	}
	if n, err := strconv.Atoi(e.Settings["max_connections"]); err == nil && n < 40 {
		list = append(list, warning("Raise max_connections, or put a pooler in front.", "PostgreSQL allows %d connections; a node takes up to 32.", n))
	}
	return list
}

// Above wholeChains events, only the newest of each chain are verified: a walk through all of
// them would take minutes.
const (
	wholeChains  = 500_000
	newestEvents = 100
)

// checkChain verifies the record.
func (p *Patient) checkChain(ctx context.Context) Finding {
	if p.db == nil || p.db.CheckSchema(ctx) != nil {
		return unread()
	}
	master, err := seal.LoadMaster(p.storage.MasterKeyFile)
	if err != nil {
		return warning("See the check of the key.", "Not looked at: the record is signed with the master key, which cannot be read.")
	}
	keys, err := seal.StoreKeys(p.db.Reader(ctx), seal.NewRing(master, p.storage.MasterKeyFile))
	if err != nil {
		return warning("See the check of the key.", "Not looked at: the key that the record is signed with cannot be opened.")
	}
	f, err := p.verify(ctx, keys.HeadMAC, wholeChains)
	var bad *audit.BadEvent
	switch {
	case errors.As(err, &bad):
		return problem("Somebody, or a fault, changed the database behind Guildhall's back. Keep a copy, and compare it with a backup from before.",
			"The record is not as it was written. First bad event: %s.", bad)
	case err != nil:
		return problem("See the check of the database.", "The record cannot be read: %s.", sentence(err))
	}
	return f
}

func (p *Patient) verify(ctx context.Context, headMAC []byte, most int64) (f Finding, err error) {
	return f, p.db.Snapshot(ctx, func(q store.Querier) error {
		size, err := audit.Size(q)
		if err != nil {
			return err
		}
		if size <= most {
			r, err := audit.Verify(q, headMAC)
			f = ok("All %d events in %d chains are as they were written.", r.Events, r.Streams)
			return err
		}
		r, err := audit.VerifyNewest(q, headMAC, newestEvents)
		f = ok("The heads of all %d chains, and the newest %d events of each (%d of %d), are as they were written. guildhall audit verify looks at the rest.",
			r.Streams, newestEvents, r.Events, size)
		return err
	})
}

// sentence is an error's text for the middle of a sentence.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Detail != "" {
		return strings.TrimRight(f.Detail, ".")
	}
	return strings.TrimRight(err.Error(), ".")
}

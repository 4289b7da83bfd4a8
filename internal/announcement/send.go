package announcement

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const sendJob = "announcement.send"

// sendPayload names the part of an announcement that is to be queued: behind an
// organization's id.
type sendPayload struct {
	Announcement string          `json:"announcement"`
	After        id.Organization `json:"after"`
}

const (
	// batch is how many organizations one Write is about, at most; letters bounds it
	// further: an organization may name 50 addresses.
	batch   = 50
	letters = 200
	// patience is how long an announcement waits for mail to be switched on again.
	patience = 72 * time.Hour
)

// due is an address with the organization that its letter names.
type due struct{ address, organization string }

func gather(list []due, organization string, addresses []string) []due {
	for _, address := range addresses {
		list = append(list, due{address, organization})
	}
	return list
}

var errOff = errors.New("an announcement waits, and mail is not set up any more: start the server with --smtp-url and --mail-from")

// send queues the letters of one part of an announcement, and the job of the next part
// with them. A second run finds that the announcement has come further, and does nothing.
func (s *Service) send(ctx context.Context, text []byte) error {
	var p sendPayload
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	q := s.db.Reader(ctx)
	a, err := load(q, p.Announcement)
	if errors.Is(err, store.ErrNone) || (err == nil && (a.FinishedAt != nil || a.reached != p.After)) {
		return nil
	}
	if err != nil {
		return err
	}
	late := s.db.Now().Std().Sub(a.CreatedAt) > patience
	if !s.outbox.Enabled() && !late {
		return errOff
	}
	var part []due
	next, more := p.After, false
	switch {
	case late:
	case a.Organization != "":
		_, name, addresses, err := s.organizations.Contact(q, string(a.Organization))
		if err != nil && !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Invalid) { // deleted meanwhile
			return err
		}
		part = gather(nil, name, addresses)
	default:
		read, full := 0, false
		if err := s.organizations.EachContact(q, p.After, batch, func(o id.Organization, name string, addresses []string) {
			if full = full || (read > 0 && len(part)+len(addresses) > letters); full {
				return
			}
			read, next = read+1, o
			part = gather(part, name, addresses)
		}); err != nil {
			return err
		}
		more = full || read == batch
	}
	return store.Do(ctx, s.db, authz.System("announcement"), func(tx *store.Tx) error {
		tx.Unaudited("the announcement has its event")
		return s.queue(tx, a, part, next, more)
	})
}

// queue is the Write of a part.
func (s *Service) queue(tx *store.Tx, a Announcement, part []due, next id.Organization, more bool) error {
	now, err := load(tx, a.ID)
	if err != nil || now.FinishedAt != nil || now.reached != a.reached {
		return err // somebody else was quicker
	}
	sent := int64(0)
	for _, d := range part {
		first, err := claim(tx, a.ID, d.address)
		if err != nil {
			return err
		}
		if !first {
			continue
		}
		sent++
		if err := s.outbox.Send(tx, d.address, a.letter(d.organization)); err != nil {
			return err
		}
	}
	if more {
		if err := advance(tx, a.ID, next, sent, 0); err != nil {
			return err
		}
		return s.jobs.Enqueue(tx, sendJob, sendPayload{a.ID, next}, tx.Now())
	}
	if err := advance(tx, a.ID, next, sent, tx.Now()); err != nil {
		return err
	}
	return forget(tx, a.ID)
}

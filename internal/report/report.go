// Package report writes usage reports of a week or a month to the admin contacts of
// organizations, each once, and lets every address unsubscribe from them.
package report

import (
	"context"
	"log/slog"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// Organizations is what this package needs of organizations: whom to write to, and
// what the plan allows.
type Organizations interface {
	EachContact(q store.Querier, after id.Organization, limit int, each func(organization id.Organization, name string, addresses []string)) error
	Contact(q store.Querier, which string) (organization id.Organization, name string, addresses []string, err error)
	Invite(q store.Querier, organization id.Organization) (name, logo, planName string, seats int, err error)
}

// Service makes reports.
type Service struct {
	db            *store.DB
	jobs          *job.Queue
	keeper        *seal.Keeper
	outbox        Outbox
	organizations Organizations
	log           *slog.Logger
	kinds         []Kind // that are sent by themselves
	heads         *audit.Signer
}

// NewService makes the service and names its job; kinds are sent by themselves. With
// heads, reports hold the signed head of the organization's record.
func NewService(db *store.DB, jobs *job.Queue, keeper *seal.Keeper, outbox Outbox, organizations Organizations, log *slog.Logger, kinds []Kind, heads *audit.Signer) *Service {
	s := &Service{db, jobs, keeper, outbox, organizations, log, kinds, heads}
	jobs.Handle(sendJob, s.send)
	return s
}

// Shown is a report with those who would get it.
type Shown struct {
	Usage
	Recipients   []string `json:"recipients"`
	Unsubscribed []string `json:"unsubscribed"`
	Letters      int      `json:"letters"` // that were sent now
}

// Show makes the report of an organization for the last period that is over, for the
// operator; with send it goes out, whether or not it did before.
func (s *Service) Show(ctx context.Context, pass authz.Pass, which string, kind Kind, send bool) (Shown, error) {
	shown := Shown{Recipients: []string{}, Unsubscribed: []string{}}
	if err := pass.Operator(); err != nil {
		return shown, err
	}
	if !slices.Contains(Kinds, kind) {
		checks := &fault.Checks{}
		checks.Add("kind", "must be %s or %s", Weekly, Monthly)
		return shown, checks.Err()
	}
	if send && !s.outbox.Enabled() {
		return shown, fault.New(fault.Invalid, "Mail is not set up, and the report goes by letter: give --smtp-url and --mail-from (or GUILDHALL_SMTP_URL and GUILDHALL_MAIL_FROM), to the server as well if one is running.")
	}
	p := last(kind, s.db.Now().Std())
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		organization, name, addresses, err := s.organizations.Contact(q, which)
		if err != nil {
			return err
		}
		var there bool
		if shown.Usage, there, err = s.usageOf(q, organization, p); err != nil {
			return err
		}
		if !there {
			return fault.New(fault.Invalid, "The organization %q was not there yet in the last %s, %s.", name, kind.one(), p.words())
		}
		for _, address := range addresses {
			wants, err := s.wants(q, organization, kind, address)
			if err != nil {
				return err
			}
			if wants {
				shown.Recipients = append(shown.Recipients, address)
			} else {
				shown.Unsubscribed = append(shown.Unsubscribed, address)
			}
		}
		return nil
	})
	if err != nil || !send {
		return shown, err
	}
	return shown, store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("a report is no change of an organization")
		if _, err := claim(tx, shown.Organization, p); err != nil {
			return err
		}
		shown.Letters, err = s.post(tx, shown.Usage, shown.Recipients)
		return err
	})
}

// post queues the letters of a report to those who want it.
func (s *Service) post(tx *store.Tx, u Usage, addresses []string) (int, error) {
	sent := 0
	for _, address := range addresses {
		link, wants, err := s.link(tx, u.Organization, u.Kind, address)
		if err != nil {
			return sent, err
		}
		if !wants {
			continue
		}
		sent++
		if err := s.outbox.Send(tx, address, u.letter(link)); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

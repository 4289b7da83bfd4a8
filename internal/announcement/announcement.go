// Package announcement lets the operator write to the admin contacts of organizations:
// about an outage, or maintenance that is planned.
package announcement

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Kind is what an announcement is about.
type Kind string

// The kinds.
const (
	Outage      Kind = "outage"
	Maintenance Kind = "maintenance"
)

// Bounds of what is announced.
const (
	minSubject = 3
	maxSubject = 150
	maxMessage = 10_000
)

// Draft is what the operator wants to announce: to all organizations, or to one.
type Draft struct {
	Kind         Kind       `json:"kind"`
	Subject      string     `json:"subject"`
	Message      string     `json:"message"`
	Organization string     `json:"organization"` // name or id
	All          bool       `json:"all"`
	From         *time.Time `json:"from,omitempty"` // of the maintenance
	Until        *time.Time `json:"until,omitempty"`
}

// Announcement is one that was made.
type Announcement struct {
	ID           string          `json:"id"`
	Kind         Kind            `json:"kind"`
	Subject      string          `json:"subject"`
	Message      string          `json:"message"`
	Organization id.Organization `json:"organization_id"` // empty for all
	From         *time.Time      `json:"from"`
	Until        *time.Time      `json:"until"`
	CreatedAt    time.Time       `json:"created_at"`
	// Letters counts those queued so far; FinishedAt is when the last one was.
	Letters    int64      `json:"letters"`
	FinishedAt *time.Time `json:"finished_at"`

	reached id.Organization // up to here letters are queued
}

// Sent is what became of a draft.
type Sent struct {
	ID            string `json:"id,omitempty"` // empty where nothing was sent
	Organizations int    `json:"organizations"`
	Letters       int    `json:"letters"`
	Subject       string `json:"subject"`
	Text          string `json:"text"`
}

// Outbox is what this package needs of mail.
type Outbox interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
	Preview(l mail.Letter) string
}

// Organizations is what this package needs of organizations: whom to write to.
type Organizations interface {
	EachContact(q store.Querier, after id.Organization, limit int, each func(organization id.Organization, name string, addresses []string)) error
	Contact(q store.Querier, which string) (organization id.Organization, name string, addresses []string, err error)
}

// Service makes announcements.
type Service struct {
	db            *store.DB
	jobs          *job.Queue
	outbox        Outbox
	organizations Organizations
}

// NewService makes the service and names its job.
func NewService(db *store.DB, jobs *job.Queue, outbox Outbox, organizations Organizations) *Service {
	s := &Service{db, jobs, outbox, organizations}
	jobs.Handle(sendJob, s.send)
	return s
}

func (d *Draft) check(now time.Time) error {
	checks := &fault.Checks{}
	d.Subject, d.Message = strings.TrimSpace(d.Subject), strings.TrimSpace(strings.ReplaceAll(d.Message, "\r\n", "\n"))
	if d.Kind != Outage && d.Kind != Maintenance {
		checks.Add("kind", "must be %s or %s", Outage, Maintenance)
	}
	if len(d.Subject) < minSubject || strings.ContainsFunc(d.Subject, unicode.IsControl) {
		checks.Add("subject", "must have at least %d characters and be one line", minSubject)
	}
	route.CheckText(checks, "subject", &d.Subject, maxSubject)
	if d.Message == "" {
		checks.Add("message", "is required")
	}
	if strings.ContainsFunc(d.Message, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		checks.Add("message", "must not contain control characters")
	}
	route.CheckText(checks, "message", &d.Message, maxMessage)
	if d.All == (d.Organization != "") {
		checks.Add("organization", "must be named, or all of them asked for; not both")
	}
	switch {
	case (d.From == nil) != (d.Until == nil):
		checks.Add("until", "and from go together")
	case d.From != nil && d.Kind == Outage:
		checks.Add("from", "is for maintenance: an outage is now")
	case d.From != nil && !d.Until.After(*d.From):
		checks.Add("until", "must lie after from")
	case d.Until != nil && !d.Until.After(now):
		checks.Add("until", "must lie in the future")
	}
	return checks.Err()
}

// Send announces to the admin contacts; the letters are queued in the background. With
// dry nothing happens but the count.
func (s *Service) Send(ctx context.Context, pass authz.Pass, d Draft, dry bool) (Sent, error) {
	if err := pass.Operator(); err != nil {
		return Sent{}, err
	}
	if err := d.check(s.db.Now().Std()); err != nil {
		return Sent{}, err
	}
	if !s.outbox.Enabled() {
		return Sent{}, fault.New(fault.Invalid, "Mail is not set up, and announcements go by letter: give --smtp-url and --mail-from (or GUILDHALL_SMTP_URL and GUILDHALL_MAIL_FROM), to the server as well if one is running.")
	}
	a := Announcement{ID: id.New[string](), Kind: d.Kind, Subject: d.Subject, Message: d.Message, From: d.From, Until: d.Until}
	sent, err := s.count(ctx, d, &a)
	if err != nil || dry {
		return sent, err
	}
	if sent.Letters == 0 {
		return sent, fault.New(fault.Invalid, "There is nobody to write to: no organization, or none with an address.")
	}
	sent.ID = a.ID
	return sent, store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		a.CreatedAt = tx.Now().Std()
		if err := insert(tx, a); err != nil {
			return err
		}
		if err := s.jobs.Enqueue(tx, sendJob, sendPayload{a.ID, ""}, tx.Now()); err != nil {
			return err
		}
		return audit.Record(tx, store.Server, pass, audit.Entry{
			Action: audit.AnnouncementSend, Target: audit.Reference{ID: a.ID, Name: a.Subject}, After: recorded{a.Kind, a.Subject, a.Message, a.Organization, a.From, a.Until},
		})
	})
}

// recorded is how an event shows an announcement.
type recorded struct {
	Kind         Kind            `json:"kind"`
	Subject      string          `json:"subject"`
	Message      string          `json:"message"`
	Organization id.Organization `json:"organization_id,omitempty"`
	From         *time.Time      `json:"from,omitempty"`
	Until        *time.Time      `json:"until,omitempty"`
}

// countPage is how many organizations are read at a time.
const countPage = 500

// count tells how many letters there will be, and finds the one organization of a draft.
func (s *Service) count(ctx context.Context, d Draft, a *Announcement) (Sent, error) {
	sent := Sent{}
	keys := map[string]bool{}
	count := func(addresses []string) {
		sent.Organizations++
		for _, address := range addresses {
			keys[authn.Key(address)] = true
		}
	}
	q := s.db.Reader(ctx)
	name := "Acme"
	if !d.All {
		found, its, addresses, err := s.organizations.Contact(q, d.Organization)
		if err != nil {
			return sent, err
		}
		a.Organization, name = found, its
		count(addresses)
	}
	for after, more := id.Organization(""), d.All; more; {
		read := 0
		if err := s.organizations.EachContact(q, after, countPage, func(o id.Organization, its string, addresses []string) {
			after, name = o, its
			read++
			count(addresses)
		}); err != nil {
			return sent, err
		}
		more = read == countPage
	}
	sent.Letters = len(keys)
	l := a.letter(name)
	sent.Subject, sent.Text = l.Subject, s.outbox.Preview(l)
	return sent, nil
}

// maxListed bounds the list.
const maxListed = 1000

// List gives the newest announcements, newest first.
func (s *Service) List(ctx context.Context, pass authz.Pass, limit int) ([]Announcement, error) {
	if err := pass.Operator(); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxListed {
		checks := &fault.Checks{}
		checks.Add("limit", "must lie between 1 and %d", maxListed)
		return nil, checks.Err()
	}
	return list(s.db.Reader(ctx), limit)
}

// letter is the announcement for somebody who stands for an organization.
func (a Announcement) letter(organization string) mail.Letter {
	l := mail.Letter{Subject: "Outage: " + a.Subject, Heading: a.Subject, Paragraphs: []string{"The operator of this server tells of an outage."}}
	if a.Kind == Maintenance {
		l.Subject = "Maintenance: " + a.Subject
		l.Paragraphs[0] = "The operator of this server tells of maintenance."
		if a.From != nil {
			l.Paragraphs[0] = "The operator of this server tells of maintenance from " + mail.Day(clock.At(*a.From)) + ", until " + mail.Day(clock.At(*a.Until)) + "."
		}
	}
	for paragraph := range strings.SplitSeq(a.Message, "\n\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			l.Paragraphs = append(l.Paragraphs, paragraph)
		}
	}
	l.Notes = []string{"You get this letter because your address is an admin e-mail of the organization " + organization +
		", or its owner's where it names none. Letters about outages and maintenance cannot be unsubscribed from."}
	return l
}

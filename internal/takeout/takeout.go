// Package takeout gathers everything that the server holds about one person.
package takeout

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Row is a row of a table; its keys are the columns.
type Row map[string]any

// Export is everything that is held about a person.
type Export struct {
	ExportedAt time.Time        `json:"exported_at" doc:"When it was put together."`
	UserID     id.User          `json:"user_id" format:"uuid" doc:"The person's id."`
	Email      string           `json:"email" doc:"The address of the account."`
	Held       map[string][]Row `json:"held" doc:"What is held, by what it is about. Passwords, tokens and other secrets are left out: only their hashes are kept."`
	Events     []Event          `json:"events" doc:"What the person did and what was done to them, the newest first."`
	LeftOut    bool             `json:"events_left_out" doc:"Whether there are older events than those listed."`
}

// Event is an event that the person caused, or that is about them. Of what somebody
// else did it holds nothing that is about that other person.
type Event struct {
	Stream  string          `json:"stream" doc:"The organization in whose record it stands; zeros for the server's own."`
	Seq     int64           `json:"seq" doc:"Its number there."`
	At      time.Time       `json:"at" doc:"When it happened."`
	Action  string          `json:"action" doc:"What happened."`
	Own     bool            `json:"own" doc:"Whether the person, or an API token of theirs, did it."`
	Content json.RawMessage `json:"content,omitempty" doc:"All that is recorded of it, where the person did it."`
}

// maxEvents bounds an export.
const maxEvents = 20_000

// Service puts exports together.
type Service struct {
	db    *store.DB
	asked *authn.Limiter
}

// NewService makes the service.
func NewService(db *store.DB, c clock.Clock) *Service {
	return &Service{db, authn.NewLimiter(c, 5, 10*time.Minute)}
}

// Mine is everything about the caller.
func (s *Service) Mine(ctx context.Context, pass authz.Pass) (Export, error) {
	if err := pass.For(authz.AccountRead); err != nil {
		return Export{}, err
	}
	if err := s.asked.Try(string(pass.Actor().User)); err != nil {
		return Export{}, err
	}
	return s.of(ctx, pass.Actor().User, "")
}

// Of is everything about a person, by address or id, for the operator of the server.
func (s *Service) Of(ctx context.Context, pass authz.Pass, who string) (Export, error) {
	if err := pass.Operator(); err != nil {
		return Export{}, err
	}
	user, _ := id.Parse[id.User](who)
	return s.of(ctx, user, who)
}

func (s *Service) of(ctx context.Context, user id.User, who string) (e Export, err error) {
	e = Export{ExportedAt: s.db.Now().Std(), Held: map[string][]Row{}, Events: []Event{}}
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		// The row of an account that was closed has the key of no address.
		if _, err := store.One(q, `SELECT id, email FROM account WHERE (id = $1 OR email_key = $2) AND email_key NOT LIKE 'deleted:%'`,
			func(scan store.Scan) (struct{}, error) { return struct{}{}, scan(&e.UserID, &e.Email) }, user, authn.Key(who)); errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotFound, "There is no account with the e-mail address or id %s.", who)
		} else if err != nil {
			return err
		}
		for _, p := range parts {
			rows, err := p.read(q, e.UserID, e.Email)
			if err != nil {
				return err
			}
			e.Held[p.name] = rows
		}
		contacts, err := contactOf(q, e.Email)
		if err != nil {
			return err
		}
		e.Held["admin_contact_of"] = contacts
		e.Events, e.LeftOut, err = events(q, e.UserID, e.Email)
		return err
	})
	return e, err
}

// read gives the rows of a part.
func (p part) read(q store.Querier, user id.User, email string) ([]Row, error) {
	names := p.names()
	args := []any{user}
	if p.byEmail {
		args = []any{authn.Key(email)}
	}
	rows := []Row{}
	err := store.Each(q, `SELECT `+p.columns+` `+p.from, func(s store.Scan) error {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := s(into...); err != nil {
			return err
		}
		row := Row{}
		for i, name := range names {
			if value := shown(name, values[i]); value != nil {
				row[name] = value
			}
		}
		rows = append(rows, row)
		return nil
	}, args...)
	return rows, err
}

// names are the columns as the export calls them.
func (p part) names() []string {
	list := strings.Split(p.columns, ", ")
	for i, column := range list {
		list[i] = column[strings.LastIndex(column, ".")+1:]
		if _, as, ok := strings.Cut(column, " AS "); ok {
			list[i] = as
		}
	}
	return list
}

// shown is a value as people read it: moments as such; nil for never, and for nothing.
func shown(name string, v any) any {
	switch v := v.(type) {
	case int64:
		if strings.HasSuffix(name, "_at") || name == "credentials" {
			if v == 0 {
				return nil
			}
			return clock.Time(v).Std()
		}
	case []byte:
		return string(v)
	case string:
		if name == "sign_up" && json.Valid([]byte(v)) {
			return json.RawMessage(v)
		}
	}
	return v
}

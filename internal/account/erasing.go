package account

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Keeper is a feature in which organizations keep addresses of people who need not
// have an account: an invitation, a contact, a reader of reports.
type Keeper interface {
	// Keeping are the organizations that keep one of the addresses.
	Keeping(q store.Querier, addresses []string) ([]id.Organization, error)
	// Forget takes the addresses out of one of them, whose head is locked. What came
	// after a moment may be another person's, and stays.
	Forget(tx *store.Tx, by audit.Holder, organization id.Organization, addresses []string, until clock.Time, instead audit.Reference) error
}

const eraseJob = "account.erase"

// erasePayload is what is left to do of an erasure. It is the only place that knows
// who the pseudonym was, and goes with the job.
type erasePayload struct {
	audit.Person
	ClosedAt clock.Time
}

// Erased is who is no more, and what stands in the record instead.
type Erased struct {
	User      id.User `json:"user_id"`
	Pseudonym string  `json:"pseudonym"`
}

// EraseFor closes an account as CloseFor does, and takes the person out of the record
// before it answers. What is cut off is finished by a job.
func (s *Service) EraseFor(ctx context.Context, pass authz.Pass, who, confirmed string) (Erased, error) {
	if err := pass.Operator(); err != nil {
		return Erased{}, err
	}
	a, err := find(s.db.Reader(ctx), who)
	if err != nil {
		return Erased{}, err
	}
	if confirmed != a.Email {
		return Erased{}, fault.New(fault.Invalid, "This deletes the account of %s (%s) and takes the person out of every event, and nothing brings it back. To do it, add --yes %s.", a.Email, a.ID, a.Email)
	}
	as := pass.As(authn.Account{ID: a.ID, Email: a.Email})
	p, err := store.Write(ctx, s.db, as, func(tx *store.Tx) (erasePayload, error) { return s.leaveWithoutTrace(tx, as, a.ID) })
	if err != nil {
		return Erased{}, err
	}
	return Erased{a.ID, p.Pseudonym.Name}, s.eraseNow(ctx, p)
}

// leaveWithoutTrace closes the account, whose head is locked, and queues what is left.
func (s *Service) leaveWithoutTrace(tx *store.Tx, pass authz.Pass, user id.User) (p erasePayload, err error) {
	a, err := load(tx, user)
	if err != nil {
		return p, err
	}
	p = erasePayload{Person: audit.Person{User: user, Addresses: []string{a.Email, a.CommunicationEmail}}}
	p.Names = append(audit.FullNames(a.FirstName, a.LastName), a.Nickname, a.PictureURL)
	if err := alsoCalled(tx, &p.Person); err != nil {
		return p, err
	}
	p.Addresses, p.Names = words(p.Addresses), words(p.Names)
	// Random, and kept nowhere beside the account's id: the same in every event.
	pseudonym := uuid.NewString()
	p.Pseudonym = audit.Reference{ID: pseudonym, Name: "erased person " + pseudonym[:8]}
	if err := s.leave(tx, pass, user); err != nil {
		return p, err
	}
	if err := dropAnswers(tx, user); err != nil {
		return p, err
	}
	if err := dropProof(tx, proof{purpose: signUpProof, subject: authn.Key(a.Email)}); err != nil {
		return p, err
	}
	p.ClosedAt = tx.Now()
	return p, s.near.Jobs.Enqueue(tx, eraseJob, p, tx.Now())
}

// words are without repetitions and empty ones.
func words(list []string) []string {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(w string) bool { return w == "" })
}

// erase is the job that takes a person out of the record. It may run twice.
func (s *Service) erase(ctx context.Context, text []byte) error {
	var p erasePayload
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	return s.eraseNow(ctx, p)
}

func (s *Service) eraseNow(ctx context.Context, p erasePayload) error {
	q := s.db.Reader(ctx)
	// The server's stream is the last: it is the one that knows former addresses.
	addresses, names, err := audit.Former(q, string(p.User))
	if err != nil {
		return err
	}
	p.Addresses, p.Names = words(append(p.Addresses, addresses...)), words(append(p.Names, names...))
	by := authz.System("erasure of a person")
	for _, keeper := range s.near.Keepers {
		organizations, err := keeper.Keeping(q, p.Addresses)
		if err != nil {
			return err
		}
		for _, organization := range organizations {
			pass := by.On(organization)
			if err := store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
				tx.Unaudited("what has no event of its own is a part of the erasure, which the server's events name")
				return keeper.Forget(tx, pass, organization, p.Addresses, p.ClosedAt, p.Pseudonym)
			}); err != nil {
				return err
			}
		}
	}
	streams, err := organizationStreams(q)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		if err := s.eraseFrom(ctx, by.On(stream), string(stream), p); err != nil {
			return err
		}
	}
	return s.eraseFrom(ctx, by, store.Server, p)
}

// eraseFrom takes the person out of one stream, some events at a time.
func (s *Service) eraseFrom(ctx context.Context, pass authz.Pass, stream string, p erasePayload) error {
	var after int64
	for {
		found, err := audit.Mentioning(s.db.Reader(ctx), stream, after, p.ClosedAt, p.Person)
		if err != nil || len(found) == 0 {
			return err
		}
		if err := store.Do(ctx, s.db, pass, func(tx *store.Tx) error { return audit.Redact(tx, stream, pass, p.Person, found) }); err != nil {
			return err
		}
		after = found[len(found)-1]
	}
}

// alsoCalled adds what the person's identities and sign-up record call them.
func alsoCalled(q store.Querier, p *audit.Person) error {
	if err := store.Each(q, `SELECT email, subject FROM identity WHERE user_id = $1`, func(s store.Scan) error {
		var email, subject string
		err := s(&email, &subject)
		p.Addresses, p.Names = append(p.Addresses, email), append(p.Names, subject)
		return err
	}, p.User); err != nil {
		return err
	}
	text, err := store.Value[string](q, `SELECT sign_up FROM account WHERE id = $1`, p.User)
	if err != nil || text == "" {
		return err
	}
	var r signUpRecord
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	p.Addresses = append(p.Addresses, r.Request.UserEmail)
	p.Names = append(p.Names, audit.FullNames(r.Request.FirstName, r.Request.LastName)...)
	return nil
}

// organizationStreams are those that still say something.
func organizationStreams(q store.Querier) ([]id.Organization, error) {
	return store.All(q, `SELECT id FROM organization ORDER BY id`, func(s store.Scan) (o id.Organization, err error) { return o, s(&o) })
}

// dropAnswers forgets what a person was answered under their idempotency keys.
func dropAnswers(tx *store.Tx, user id.User) error {
	_, err := tx.Exec(`DELETE FROM idempotency WHERE actor_id = $1`, user)
	return err
}

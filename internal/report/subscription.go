package report

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/url"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// subscription is an address that gets the reports of a kind about an organization, or
// has got them once and does not want them any more.
type subscription struct {
	id, sealed   string
	organization id.Organization
	kind         Kind
	address      string
	endedAt      clock.Time
}

// tokenField is what is sealed of a subscription: the secret of its link. It is kept so
// that every letter has the same link, and old letters' links work for good.
const tokenField = "token"

// maxToken bounds what is looked up.
const maxToken = 64

const path = "/unsubscribe"

func linkOf(token string) string { return path + "?" + url.Values{"token": {token}}.Encode() }

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func (*Service) wants(q store.Querier, organization id.Organization, kind Kind, address string) (bool, error) {
	b, err := subscriptionOf(q, organization, kind, address)
	if errors.Is(err, store.ErrNone) {
		return true, nil
	}
	return b.endedAt == 0, err
}

// link is the path with which an address unsubscribes; wants is false where it has.
func (s *Service) link(tx *store.Tx, organization id.Organization, kind Kind, address string) (link string, wants bool, err error) {
	b, err := subscriptionOf(tx, organization, kind, address)
	switch {
	case err == nil && b.endedAt != 0:
		return "", false, nil
	case err == nil:
		token, err := s.keeper.Open(tx, store.Server, b.id, tokenField, b.sealed)
		return linkOf(token), true, err
	case !errors.Is(err, store.ErrNone):
		return "", false, err
	}
	token := rand.Text()
	b = subscription{id: id.New[string](), organization: organization, kind: kind, address: address}
	if b.sealed, err = s.keeper.Seal(tx, store.Server, b.id, tokenField, token); err != nil {
		return "", false, err
	}
	return linkOf(token), true, insert(tx, b, hash(token))
}

// find is the subscription of a link, with the organization's name.
func (s *Service) find(ctx context.Context, token string) (b subscription, name string, err error) {
	q := s.db.Reader(ctx)
	if token == "" || len(token) > maxToken {
		err = store.ErrNone
	} else {
		b, err = subscriptionBy(q, hash(token))
	}
	if err == nil {
		name, err = nameOf(q, b.organization)
	}
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "This link belongs to no letter of ours; perhaps it was cut, or the organization is gone.")
	}
	return b, name, err
}

// reader is who follows a link: whoever has the letter.
type reader struct{ client authn.Client }

// Actor is how events show them.
func (r reader) Actor() authn.Actor {
	return authn.Actor{Kind: authn.System, Name: "unsubscribe link", Client: r.client}
}

// subscribed is how an event shows a subscription.
type subscribed struct {
	Kind       Kind `json:"kind"`
	Subscribed bool `json:"subscribed"`
}

// set ends a subscription or takes it up again; where it is so already nothing changes.
func (s *Service) set(ctx context.Context, client authn.Client, b subscription, want bool) error {
	return store.Do(ctx, s.db, permit().On(b.organization), func(tx *store.Tx) error {
		tx.Unaudited("nothing changes where it is so already")
		now, err := subscriptionOf(tx, b.organization, b.kind, b.address)
		if errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotFound, "")
		}
		if err != nil || (now.endedAt == 0) == want {
			return err
		}
		ended, action := tx.Now(), audit.ReportUnsubscribe
		if want {
			ended, action = 0, audit.ReportSubscribe
		}
		if err := setEnded(tx, b.id, ended); err != nil {
			return err
		}
		return audit.Record(tx, string(b.organization), reader{client}, audit.Entry{
			Action: action, Target: audit.Reference{ID: b.id, Name: b.address}, Before: subscribed{b.kind, !want}, After: subscribed{b.kind, want},
		})
	})
}

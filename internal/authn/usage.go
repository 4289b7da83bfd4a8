package authn

import (
	"context"
	"sync"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// usage gathers when tokens and sessions were last used and people last active; writing
// it at each request would turn every read into a write.
type usage struct {
	mu sync.Mutex
	noted
}

type noted struct {
	tokens   moments[usedToken]
	people   moments[id.User]
	sessions moments[id.Session]
}

type usedToken struct {
	token        id.Token
	organization id.Organization
}

// moments keeps the latest moment of each thing.
type moments[K comparable] map[K]clock.Time

// maxNoted bounds the memory between two flushes; what does not fit is noted at the next use.
const maxNoted = 50_000

func (m moments[K]) note(key K, at clock.Time) {
	if last, known := m[key]; (known && at > last) || (!known && len(m) < maxNoted) {
		m[key] = at
	}
}

func newUsage() *usage { return &usage{noted: nothingNoted()} }

func nothingNoted() noted {
	return noted{moments[usedToken]{}, moments[id.User]{}, moments[id.Session]{}}
}

// note notes that a token was used.
func (u *usage) note(token id.Token, organization id.Organization, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tokens.note(usedToken{token, organization}, at)
}

// saw notes that a person was active, in a session where there is one.
func (u *usage) saw(user id.User, session id.Session, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.people.note(user, at)
	if session != "" {
		u.sessions.note(session, at)
	}
}

func (u *usage) take() noted {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.noted
	u.noted = nothingNoted()
	return taken
}

// giveBack keeps what could not be written for the next time.
func (u *usage) giveBack(taken noted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for used, at := range taken.tokens {
		u.tokens.note(used, at)
	}
	for user, at := range taken.people {
		u.people.note(user, at)
	}
	for session, at := range taken.sessions {
		u.sessions.note(session, at)
	}
}

// FlushUsage writes down when API tokens and sessions were last used and people last
// active; app calls it once a minute and when it stops.
func (a *Authenticator) FlushUsage(ctx context.Context, permit store.Permit) error {
	taken := a.used.take()
	if len(taken.tokens)+len(taken.people) == 0 {
		return nil
	}
	err := store.Do(ctx, a.db, permit, taken.write)
	if err != nil {
		a.used.giveBack(taken)
	}
	return err
}

func (n noted) write(tx *store.Tx) error {
	tx.Unaudited("when somebody was last active is no change of the organization")
	for used, at := range n.tokens {
		if err := tx.Send(`UPDATE api_token SET last_used_at = $3 WHERE id = $1 AND organization_id = $2 AND last_used_at < $3`,
			used.token, used.organization, at); err != nil {
			return err
		}
	}
	for user, at := range n.people {
		if err := tx.Send(`UPDATE account SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2`, user, at); err != nil {
			return err
		}
	}
	for session, at := range n.sessions {
		if err := tx.Send(`UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2`, session, at); err != nil {
			return err
		}
	}
	return nil
}

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
	last map[id.Token]lastUse
	seen map[id.User]clock.Time
	open map[id.Session]clock.Time
}

type lastUse struct {
	organization id.Organization
	at           clock.Time
}

// maxNoted bounds the memory between two flushes; what does not fit is noted at the next use.
const maxNoted = 50_000

func newUsage() *usage { return &usage{noted: nothingNoted()} }

func nothingNoted() noted {
	return noted{map[id.Token]lastUse{}, map[id.User]clock.Time{}, map[id.Session]clock.Time{}}
}

func (u *usage) note(token id.Token, organization id.Organization, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.last[token]; known || len(u.last) < maxNoted {
		u.last[token] = lastUse{organization, at}
	}
}

// saw notes that a person was active, in a session where there is one.
func (u *usage) saw(user id.User, session id.Session, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.seen[user]; known || len(u.seen) < maxNoted {
		u.seen[user] = at
	}
	if session == "" {
		return
	}
	if _, known := u.open[session]; known || len(u.open) < maxNoted {
		u.open[session] = at
	}
}

func (u *usage) take() noted {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.noted
	u.noted = nothingNoted()
	return taken
}

// FlushUsage writes down when API tokens and sessions were last used and people last
// active; app calls it once a minute and when it stops.
func (a *Authenticator) FlushUsage(ctx context.Context, permit store.Permit) error {
	taken := a.used.take()
	if len(taken.last)+len(taken.seen) == 0 {
		return nil
	}
	return store.Do(ctx, a.db, permit, func(tx *store.Tx) error {
		tx.Unaudited("when somebody was last active is no change of the organization")
		for token, use := range taken.last {
			if _, err := tx.Exec(`UPDATE api_token SET last_used_at = $3 WHERE id = $1 AND organization_id = $2 AND last_used_at < $3`,
				token, use.organization, use.at); err != nil {
				return err
			}
		}
		for user, at := range taken.seen {
			if _, err := tx.Exec(`UPDATE account SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2`, user, at); err != nil {
				return err
			}
		}
		for session, at := range taken.open {
			if _, err := tx.Exec(`UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2`, session, at); err != nil {
				return err
			}
		}
		return nil
	})
}

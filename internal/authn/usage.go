package authn

import (
	"context"
	"sync"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// usage gathers when tokens were last used and people last active; writing it at each request would turn
// every read into a write.
type usage struct {
	mu   sync.Mutex
	last map[id.Token]lastUse
	seen map[id.User]clock.Time
}

type lastUse struct {
	organization id.Organization
	at           clock.Time
}

// maxNoted bounds the memory between two flushes; what does not fit is noted at the next use.
const maxNoted = 50_000

func newUsage() *usage { return &usage{last: map[id.Token]lastUse{}, seen: map[id.User]clock.Time{}} }

func (u *usage) note(token id.Token, organization id.Organization, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, known := u.last[token]; (known && at > last.at) || (!known && len(u.last) < maxNoted) {
		u.last[token] = lastUse{organization, at}
	}
}

// saw notes that a person was active.
func (u *usage) saw(user id.User, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, known := u.seen[user]; (known && at > last) || (!known && len(u.seen) < maxNoted) {
		u.seen[user] = at
	}
}

func (u *usage) take() (map[id.Token]lastUse, map[id.User]clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, seen := u.last, u.seen
	u.last, u.seen = map[id.Token]lastUse{}, map[id.User]clock.Time{}
	return last, seen
}

// FlushUsage writes down when API tokens were last used and people last active; app calls it once a minute
// and when it stops.
func (a *Authenticator) FlushUsage(ctx context.Context, permit store.Permit) error {
	taken, seen := a.used.take()
	if len(taken)+len(seen) == 0 {
		return nil
	}
	err := store.Do(ctx, a.db, permit, func(tx *store.Tx) error {
		tx.Unaudited("when somebody was last active is no change of the organization")
		for token, use := range taken {
			if _, err := tx.Exec(`UPDATE api_token SET last_used_at = $3 WHERE id = $1 AND organization_id = $2 AND last_used_at < $3`,
				token, use.organization, use.at); err != nil {
				return err
			}
		}
		for user, at := range seen {
			if _, err := tx.Exec(`UPDATE account SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2`, user, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // it goes with the next one
		for token, use := range taken {
			a.used.note(token, use.organization, use.at)
		}
		for user, at := range seen {
			a.used.saw(user, at)
		}
	}
	return err
}

package authn

import (
	"context"
	"sync"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// usage gathers when tokens were last used; writing it at each request would turn
// every read into a write.
type usage struct {
	mu   sync.Mutex
	last map[id.Token]lastUse
}

type lastUse struct {
	organization id.Organization
	at           clock.Time
}

// maxNoted bounds the memory between two flushes; what does not fit is noted at the next use.
const maxNoted = 50_000

func newUsage() *usage { return &usage{last: map[id.Token]lastUse{}} }

func (u *usage) note(token id.Token, organization id.Organization, at clock.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.last[token]; known || len(u.last) < maxNoted {
		u.last[token] = lastUse{organization, at}
	}
}

func (u *usage) take() map[id.Token]lastUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = map[id.Token]lastUse{}
	return taken
}

// FlushUsage writes the last uses of API tokens down; app calls it once a minute
// and when it stops.
func (a *Authenticator) FlushUsage(ctx context.Context, permit store.Permit) error {
	taken := a.used.take()
	if len(taken) == 0 {
		return nil
	}
	return store.Do(ctx, a.db, permit, func(tx *store.Tx) error {
		tx.Unaudited("when a token was last used is no change of the organization")
		for token, use := range taken {
			if _, err := tx.Exec(`UPDATE api_token SET last_used_at = $3 WHERE id = $1 AND organization_id = $2 AND last_used_at < $3`,
				token, use.organization, use.at); err != nil {
				return err
			}
		}
		return nil
	})
}

package account

import (
	"context"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// SessionOverview is a session as the operator of the server sees it.
type SessionOverview struct {
	ID         id.Session  `json:"id"`
	Kind       SessionKind `json:"kind"`
	Address    string      `json:"address"`
	UserAgent  string      `json:"user_agent"`
	CreatedAt  time.Time   `json:"created_at"`
	LastSeenAt time.Time   `json:"last_seen_at"`
	ExpiresAt  time.Time   `json:"expires_at"`
}

// SessionsOf lists a person's sessions, the ones used last first.
func (s *Service) SessionsOf(ctx context.Context, pass authz.Pass, who string) ([]SessionOverview, error) {
	if err := pass.Operator(); err != nil {
		return nil, err
	}
	q := s.db.Reader(ctx)
	a, err := find(q, who)
	if err != nil {
		return nil, err
	}
	list, err := listSessions(q, a.ID, s.db.Now())
	overviews := make([]SessionOverview, len(list))
	for i, one := range list {
		overviews[i] = SessionOverview{one.ID, one.Kind, one.Address, one.UserAgent, one.CreatedAt.Std(), one.LastSeenAt.Std(), one.ExpiresAt.Std()}
	}
	return overviews, err
}

// EndSessionOf ends one session of a person, with its access tokens, at once.
func (s *Service) EndSessionOf(ctx context.Context, pass authz.Pass, who, session string) error {
	which, valid := id.Parse[id.Session](session)
	_, err := s.operate(ctx, pass, who, audit.AccountSignOut, func(tx *store.Tx, a listed) (before, after any, err error) {
		gone := false
		if valid {
			gone, err = removeSession(tx, a.ID, which)
		}
		if err == nil && !gone {
			err = fault.New(fault.NotFound, "%s has no session %s; it has ended.", a.Email, session)
		}
		return nil, nil, err
	})
	return err
}

// EndSessionsOf ends every session of a person and tells how many there were. Access
// tokens of the operator's command belong to none and live out their time.
func (s *Service) EndSessionsOf(ctx context.Context, pass authz.Pass, who string) (int, error) {
	ended := 0
	_, err := s.operate(ctx, pass, who, audit.AccountSignOut, func(tx *store.Tx, a listed) (before, after any, err error) {
		list, err := listSessions(tx, a.ID, tx.Now())
		if err != nil {
			return nil, nil, err
		}
		if ended = len(list); ended == 0 {
			return nil, nil, fault.New(fault.NotFound, "%s has no session.", a.Email)
		}
		return nil, nil, removeSessions(tx, a.ID, "")
	})
	return ended, err
}

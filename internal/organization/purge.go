package organization

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// purge is the job that ends the time of grace. It may run twice, and it does
// nothing to an organization that was restored meanwhile.
func (s *Service) purge(ctx context.Context, text []byte) error {
	var p purgePayload
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	pass := authz.System("purge of deleted organizations").On(p.Organization)
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		tx.Unaudited("the purge is recorded in the server's own events, below")
		name, err := deletedName(tx, p.Organization, p.DeletedAt)
		if errors.Is(err, store.ErrNone) {
			return nil // restored, deleted again later, or purged already
		}
		if err != nil {
			return err
		}
		return s.removeForGood(tx, pass, p.Organization, name)
	})
}

// removeForGood empties an organization and says so in the server's own events.
func (s *Service) removeForGood(tx *store.Tx, pass authz.Pass, organization id.Organization, name string) error {
	if err := s.removeEverything(tx, organization); err != nil {
		return err
	}
	if err := tx.Lock(store.Server); err != nil {
		return err
	}
	return audit.Record(tx, store.Server, pass, audit.Entry{
		Action: audit.OrganizationPurge, Target: audit.Reference{ID: string(organization), Name: name},
	})
}

func (s *Service) removeEverything(tx *store.Tx, organization id.Organization) error {
	for _, p := range s.purgers {
		if err := p.Purge(tx, organization); err != nil {
			return err
		}
	}
	for _, remove := range []func(*store.Tx, id.Organization) error{object.Purge, remove} {
		if err := remove(tx, organization); err != nil {
			return err
		}
	}
	return audit.Erase(tx, string(organization))
}

func deletedName(tx *store.Tx, organization id.Organization, at clock.Time) (string, error) {
	return store.Value[string](tx, `SELECT name FROM organization WHERE id = $1 AND deleted_at = $2 AND deleted_at <> 0`, organization, at)
}

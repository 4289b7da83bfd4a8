package project

import (
	"context"
	"encoding/json"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Revert edits the pass's project back to how an event showed it.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, _ string, state json.RawMessage) error {
	var was projectAnswer
	if err := json.Unmarshal(state, &was); err != nil {
		return err
	}
	_, err := s.Edit(ctx, pass, was.Name, &was.Description)
	return err
}

// Restore brings the pass's project back with all that was deleted with it; with a
// name, under that one.
func (s *Service) Restore(ctx context.Context, pass authz.Pass, _, name string) error {
	if err := pass.For(authz.ProjectDelete); err != nil {
		return err
	}
	if name != "" {
		checks := &fault.Checks{}
		name = route.CheckName(checks, "name", name)
		if err := checks.Err(); err != nil {
			return err
		}
	}
	return store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		if err := checkLimit(tx, pass.Organization()); err != nil {
			return err
		}
		_, err := kind.Restore(tx, pass, pass.Scope().Object, name)
		return err
	})
}

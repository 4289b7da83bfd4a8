package kind

import (
	"context"
	"encoding/json"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Revert edits the pass's thing back to how an event showed it. What is asked for is read
// from the thing as it was shown, never from the event's masks of its secrets, so it
// leaves the secrets out: those of today stay where they still belong to the same, and
// are missed otherwise.
func (s *Service[B, Q, A]) Revert(ctx context.Context, pass authz.Pass, _ string, state json.RawMessage) error {
	var was A
	if err := json.Unmarshal(state, &was); err != nil {
		return err
	}
	shown, err := json.Marshal(was)
	if err != nil {
		return err
	}
	var request Q
	if err := json.Unmarshal(shown, &request); err != nil {
		return err
	}
	if s.kind.Again != nil {
		s.kind.Again(was, &request)
	}
	_, err = s.Change(ctx, pass, request)
	return err
}

// Restore brings the pass's thing back with its secrets; with a name, under that one.
func (s *Service[B, Q, A]) Restore(ctx context.Context, pass authz.Pass, _, name string) error {
	if err := pass.For(s.kind.Edit); err != nil {
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
		if err := s.room(tx, pass); err != nil {
			return err
		}
		_, err := s.kind.Restore(tx, pass, pass.Scope().Object, name)
		return err
	})
}

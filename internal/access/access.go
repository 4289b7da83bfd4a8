// Package access answers questions about rights: why somebody may or may not do a
// thing, and who may. It decides nothing; it asks the same decision that every
// request goes through, and tells what it said.
package access

import (
	"context"
	"errors"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Subject is somebody who may be asked about: a member or an API token.
type Subject struct {
	Actor authn.Actor
	// Through is the name of each role that decides together.
	Through []string
}

// key is the same for all who hold the same roles.
func (s Subject) key() string { return string(s.Actor.Kind) + "|" + strings.Join(s.Through, "|") }

// Answer is a decision about somebody.
type Answer struct {
	Subject
	authz.Decision
}

// Find resolves the scope of an object of any kind.
type Find func(ctx context.Context, object id.Object) (authz.Scope, error)

// Service answers.
type Service struct {
	db   *store.DB
	find Find
}

// NewService makes the service.
func NewService(db *store.DB, find Find) *Service { return &Service{db, find} }

// scope reads what a question is about: an object of the organization, or the
// organization itself.
func (s *Service) scope(ctx context.Context, pass authz.Pass, object string, mode authz.Mode) (authz.Scope, error) {
	if object == "" || object == string(pass.Organization()) {
		return authz.Scope{Organization: pass.Organization(), Kind: authz.KindOrganization, Mode: mode}, nil
	}
	unknown := fault.New(fault.NotFound, "There is no such thing in this organization, or you cannot see it.")
	parsed, ok := id.Parse[id.Object](object)
	if !ok {
		checks := &fault.Checks{}
		checks.Add("scope", "must be the id of a thing of the organization")
		return authz.Scope{}, checks.Err()
	}
	scope, err := s.find(ctx, parsed)
	if fault.Has(err, fault.NotFound) || (err == nil && scope.Organization != pass.Organization()) {
		return authz.Scope{}, unknown
	}
	if err != nil {
		return authz.Scope{}, err
	}
	rights, err := authz.RightsIn(s.db.Reader(ctx), pass.Actor(), pass.Organization())
	if err != nil {
		return authz.Scope{}, err
	}
	if !authz.Decide(rights, authz.OrganizationView, scope).Visible {
		return authz.Scope{}, unknown
	}
	if mode != authz.NoMode {
		scope.Mode = mode
	}
	return scope, nil
}

// Explain decides about somebody and says why. Everybody may ask about themselves;
// asking about others needs member.read.
func (s *Service) Explain(ctx context.Context, pass authz.Pass, permission authz.Permission, who, object string, mode authz.Mode) (Answer, error) {
	if err := pass.For(authz.OrganizationView); err != nil {
		return Answer{}, err
	}
	scope, err := s.scope(ctx, pass, object, mode)
	if err != nil {
		return Answer{}, err
	}
	actor := pass.Actor()
	if who != "" && who != actor.ID() {
		if err := pass.Need(authz.MemberRead); err != nil {
			return Answer{}, err
		}
	} else {
		who = actor.ID()
	}
	q := s.db.Reader(ctx)
	subject, err := findSubject(q, pass.Organization(), who, s.db.Now())
	if errors.Is(err, store.ErrNone) {
		return Answer{}, fault.New(fault.NotFound, "There is no member and no API token with this id in the organization.")
	}
	if err != nil {
		return Answer{}, err
	}
	return s.decide(q, subject, permission, scope)
}

func (s *Service) decide(q store.Querier, subject Subject, permission authz.Permission, scope authz.Scope) (Answer, error) {
	rights, err := authz.RightsIn(q, subject.Actor, scope.Organization)
	if err != nil {
		return Answer{}, err
	}
	if roles := rights.Roles(); roles != "" {
		subject.Through = strings.Split(roles, " ∩ ")
	}
	return Answer{subject, authz.Decide(rights, permission, scope)}, nil
}

// Who lists everybody who may do a thing: members first, then API tokens.
func (s *Service) Who(ctx context.Context, pass authz.Pass, permission authz.Permission, object string, mode authz.Mode) ([]Answer, error) {
	if err := pass.For(authz.MemberRead); err != nil {
		return nil, err
	}
	scope, err := s.scope(ctx, pass, object, mode)
	if err != nil {
		return nil, err
	}
	answers := []Answer{}
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		subjects, err := listSubjects(q, pass.Organization(), s.db.Now())
		if err != nil {
			return err
		}
		decided := map[string]Answer{} // one decision for all who hold the same roles
		for _, subject := range subjects {
			key := subject.key()
			a, ok := decided[key]
			if !ok {
				if a, err = s.decide(q, subject, permission, scope); err != nil {
					return err
				}
				decided[key] = a
			}
			if a.Allowed {
				answers = append(answers, Answer{Subject{subject.Actor, a.Through}, a.Decision})
			}
		}
		return nil
	})
	return answers, err
}

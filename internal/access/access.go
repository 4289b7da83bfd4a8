// Package access answers questions about rights: why somebody may or may not do a
// thing, and who may. It decides nothing; it asks the same decision that every
// request goes through, and tells what it said.
package access

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

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
	held    []authz.RoleName // the same as they are kept
	nameKey string
}

// key is what decides.
func (x Subject) key() (key [2]authz.RoleName) {
	copy(key[:], x.held)
	return key
}

// What a place begins with.
const membersPlace, tokensPlace = "1", "2"

// place orders the subjects: members as their accounts were made, then tokens by name.
func (x Subject) place() string {
	if x.Actor.Kind == authn.Person {
		return membersPlace + string(x.Actor.User)
	}
	return tokensPlace + x.nameKey
}

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
	past Past
}

// NewService makes the service.
func NewService(db *store.DB, find Find, past Past) *Service { return &Service{db, find, past} }

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
	if !pass.Sees(scope) {
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
	var answer Answer
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		subject, err := findSubject(q, pass.Organization(), who, s.db.Now())
		if errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotFound, "There is no member and no API token with this id in the organization.")
		}
		if err != nil {
			return err
		}
		roles, err := authz.RolesAbout(q, scope)
		answer = subject.decide(roles, permission, scope)
		return err
	})
	return answer, err
}

// decide asks the decision; from then on the subject names its roles.
func (x Subject) decide(roles authz.Roles, permission authz.Permission, scope authz.Scope) Answer {
	rights := roles.Rights(x.held...)
	if names := rights.Roles(); names != "" {
		x.Through = strings.Split(names, " ∩ ")
	}
	return Answer{x, authz.Decide(rights, permission, scope)}
}

// Page is a part of those who may do a thing.
type Page struct {
	Answers []Answer
	Total   int // of all pages
	Next    string
}

// Who lists everybody who may do a thing: members first, the oldest accounts at the
// front, then API tokens by name.
func (s *Service) Who(ctx context.Context, pass authz.Pass, permission authz.Permission, object string, mode authz.Mode, size int, after string) (Page, error) {
	if err := pass.For(authz.MemberRead); err != nil {
		return Page{}, err
	}
	from, err := readToken(after)
	if err != nil {
		return Page{}, err
	}
	scope, err := s.scope(ctx, pass, object, mode)
	if err != nil {
		return Page{}, err
	}
	var page Page
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		roles, err := authz.RolesAbout(q, scope)
		if err != nil {
			return err
		}
		decided := map[[2]authz.RoleName]Answer{} // one decision for all who hold the same roles
		var may [2][][2]authz.RoleName            // of members, of tokens
		err = eachHolding(q, pass.Organization(), s.db.Now(), func(x Subject, number int) {
			if a := x.decide(roles, permission, scope); a.Allowed {
				decided[x.key()] = a
				kind := len(x.held) - 1
				may[kind] = append(may[kind], x.key())
				page.Total += number
			}
		})
		if err != nil {
			return err
		}
		found, err := listHolders(q, pass.Organization(), s.db.Now(), may, from, size+1)
		if err != nil {
			return err
		}
		if len(found) > size {
			found = found[:size]
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(found[size-1].place()))
		}
		page.Answers = make([]Answer, len(found))
		for i, x := range found {
			a := decided[x.key()]
			x.Through = a.Through
			page.Answers[i] = Answer{x, a.Decision}
		}
		return nil
	})
	return page, err
}

func readToken(token string) (string, error) {
	place, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || !utf8.Valid(place) || slices.Contains(place, 0) {
		checks := &fault.Checks{}
		checks.Add("continueToken", "is not one that a page has given")
		return "", checks.Err()
	}
	return string(place), nil
}

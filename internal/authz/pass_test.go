package authz_test

import (
	"context"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// actor is who a caller's credential stands for.
func actor(t *testing.T, s *apptest.Server, c *apptest.Caller) authn.Actor {
	t.Helper()
	a, err := s.Authenticator.Authenticate(t.Context(), c.Scheme+" "+c.Credential)
	if err != nil {
		t.Fatalf("authenticate %s: %v", c.Email, err)
	}
	a.Client.Origin = "API" // as a request would have
	return a
}

func in(organization id.Organization) authz.Scope {
	return authz.Scope{Organization: organization, Kind: authz.KindOrganization}
}

func pass(t *testing.T, s *apptest.Server, c *apptest.Caller, p authz.Permission, scope authz.Scope) authz.Pass {
	t.Helper()
	pass, err := s.Authorizer.Require(t.Context(), actor(t, s, c), p, scope)
	if err != nil {
		t.Fatalf("%s in %s: %v", p, scope.Organization, err)
	}
	return pass
}

// edit is a Write that leaves an event, under a pass that may have grown old.
func edit(s *apptest.Server, pass authz.Pass) error {
	return store.Do(context.Background(), s.DB, pass, func(tx *store.Tx) error {
		return audit.Record(tx, pass.Head(), pass, audit.Entry{Action: audit.OrganizationUpdate})
	})
}

func TestRequire(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		other := s.Person(t, "other@example.com").Organization(t, "Other")
		viewer := s.Member(t, acme, "viewer@example.com", authz.Viewer)
		token := owner.Token(t, acme, "viewing", authz.Viewer)
		for name, c := range map[string]struct {
			actor      authn.Actor
			permission authz.Permission
			scope      authz.Scope
			want       fault.Code // empty: a pass
		}{
			"owner edits":                {actor(t, s, owner), authz.OrganizationEdit, in(acme), ""},
			"anonymous sees":             {authn.Actor{}, authz.OrganizationView, in(acme), fault.Unauthenticated},
			"anonymous, public":          {authn.Actor{}, authz.Public, authz.Scope{}, ""},
			"anonymous, own account":     {authn.Actor{}, authz.AccountRead, authz.Scope{}, fault.Unauthenticated},
			"owner of another":           {actor(t, s, owner), authz.OrganizationView, in(other), fault.NotFound},
			"unknown organization":       {actor(t, s, owner), authz.OrganizationView, in(id.New[id.Organization]()), fault.NotFound},
			"no organization":            {actor(t, s, owner), authz.OrganizationView, in(""), fault.NotFound},
			"viewer views":               {actor(t, s, viewer), authz.OrganizationView, in(acme), ""},
			"viewer edits":               {actor(t, s, viewer), authz.OrganizationEdit, in(acme), fault.Forbidden},
			"viewer's database":          {actor(t, s, viewer), authz.DatabaseRead, authz.Scope{Organization: acme, Kind: authz.KindDatabase, Mode: authz.Development}, fault.NotFound},
			"token of the owner edits":   {actor(t, s, token), authz.OrganizationEdit, in(acme), fault.Forbidden},
			"token views":                {actor(t, s, token), authz.OrganizationView, in(acme), ""},
			"token elsewhere":            {actor(t, s, token), authz.OrganizationView, in(other), fault.NotFound},
			"token lists":                {actor(t, s, token), authz.OrganizationList, authz.Scope{}, ""},
			"token creates organization": {actor(t, s, token), authz.OrganizationCreate, authz.Scope{}, fault.PersonRequired},
			"token's account":            {actor(t, s, token), authz.AccountRead, authz.Scope{}, fault.PersonRequired},
			"permission that is none":    {actor(t, s, owner), "nonsense", in(acme), fault.Forbidden},
			"no permission":              {actor(t, s, owner), "", in(acme), fault.Forbidden},
			"scope of no kind":           {actor(t, s, owner), authz.OrganizationView, authz.Scope{Organization: acme}, fault.NotFound},
		} {
			got, err := s.Authorizer.Require(t.Context(), c.actor, c.permission, c.scope)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case c.want == "":
				if got.For(c.permission) != nil || got.For(authz.OrganizationDelete) == nil || got.Organization() != c.scope.Organization {
					t.Errorf("%s: the pass is for something else", name)
				}
			case !fault.Has(err, c.want):
				t.Errorf("%s: %v, want %s", name, err, c.want)
			case edit(s, got) == nil:
				t.Errorf("%s: the pass beside the refusal opens a Write", name)
			}
		}
		if edit(s, authz.Pass{}) == nil || (authz.Pass{}).For("") == nil {
			t.Error("an empty pass is good for something")
		}
	})
}

func TestAlso(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		devops := s.Member(t, acme, "devops@example.com", authz.DevOps)
		p := pass(t, s, devops, authz.OrganizationView, in(acme))
		if !p.Also(authz.TokenCreate) || p.Also(authz.OrganizationEdit) || p.Also(authz.EventRead) {
			t.Error("a pass of DEVOPS also gives what the role has, and no more")
		}
		if p.CanGrant(role(t, authz.Admin)) || !p.CanGrant(role(t, authz.Viewer)) {
			t.Error("a pass of DEVOPS grants VIEWER and not ADMIN")
		}
		if p.Projects() != (authz.Visibility{}) {
			t.Error("a pass of DEVOPS sees not every project")
		}
		system := authz.System("test")
		if !system.Also(authz.OrganizationDelete) || !system.CanGrant(role(t, authz.Owner)) || system.Projects() != (authz.Visibility{}) || system.For(authz.OrganizationDelete) != nil {
			t.Error("the system's pass is good for everything")
		}
		if got := p.On("elsewhere"); got.Organization() != acme || got.Head() != string(acme) {
			t.Error("a person's pass can be moved to another organization")
		}
		if got := p.As(authn.Account{ID: "somebody"}); got.Actor().User != devops.ID {
			t.Error("a person's pass can be given to somebody else")
		}
	})
}

// TestRecheck makes a pass, changes something, and then writes with it: a Write is
// exact, whatever happened since the pass was made.
func TestRecheck(t *testing.T) {
	type world struct {
		s            *apptest.Server
		acme         id.Organization
		owner, admin *apptest.Caller
		token        *apptest.Caller
	}
	setRole := func(t *testing.T, w world, role authz.RoleName) {
		t.Helper()
		if err := w.s.Members.SetRole(t.Context(), pass(t, w.s, w.owner, authz.MemberManage, in(w.acme)), w.admin.ID, authz.RoleID(w.acme, role)); err != nil {
			t.Fatal(err)
		}
	}
	changeAccount := func(t *testing.T, w world, statement string) {
		t.Helper()
		on := authz.System("test").As(account.Account{ID: w.admin.ID}.Identity())
		if err := store.Do(t.Context(), w.s.DB, on, func(tx *store.Tx) error {
			tx.Unaudited("test")
			if _, err := tx.Exec(statement, w.admin.ID, tx.Now()+1); err != nil {
				return err
			}
			return tx.Touch(string(w.admin.ID), true)
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		byToken bool
		change  func(t *testing.T, w world)
		want    fault.Code // empty: the Write is done
	}{
		"nothing":              {false, func(*testing.T, world) {}, ""},
		"nothing, by token":    {true, func(*testing.T, world) {}, ""},
		"something else":       {false, func(t *testing.T, w world) { w.owner.Project(t, w.acme, "P") }, ""},
		"somebody else joined": {false, func(t *testing.T, w world) { w.s.Member(t, w.acme, "new@example.com", authz.Viewer) }, ""},
		"joined, by token":     {true, func(t *testing.T, w world) { w.s.Member(t, w.acme, "new@example.com", authz.Viewer) }, ""},
		"demoted":              {false, func(t *testing.T, w world) { setRole(t, w, authz.Viewer) }, fault.Forbidden},
		"creator demoted":      {true, func(t *testing.T, w world) { setRole(t, w, authz.Viewer) }, fault.Forbidden},
		"demoted and back":     {false, func(t *testing.T, w world) { setRole(t, w, authz.Viewer); setRole(t, w, authz.Admin) }, ""},
		"organization deleted": {false, func(t *testing.T, w world) { w.owner.Delete(t, "/organization/"+string(w.acme)).Must(t, 204) }, fault.NotFound},
		"deleted, by token":    {true, func(t *testing.T, w world) { w.owner.Delete(t, "/organization/"+string(w.acme)).Must(t, 204) }, fault.NotFound},
		"account disabled":     {false, func(t *testing.T, w world) { changeAccount(t, w, `UPDATE account SET disabled_at = $2 WHERE id = $1`) }, fault.Unauthenticated},
		"creator disabled":     {true, func(t *testing.T, w world) { changeAccount(t, w, `UPDATE account SET disabled_at = $2 WHERE id = $1`) }, fault.Unauthenticated},
		"credentials changed": {false, func(t *testing.T, w world) {
			changeAccount(t, w, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		}, fault.Unauthenticated},
		"creator's new password": {true, func(t *testing.T, w world) {
			changeAccount(t, w, `UPDATE account SET credentials_changed_at = $2 WHERE id = $1`)
		}, ""},
		"token deleted": {true, func(t *testing.T, w world) {
			w.owner.Delete(t, "/organization/"+string(w.acme)+"/apiToken/"+string(w.token.TokenID)).Must(t, 204)
		}, fault.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				w := world{s: s, owner: s.Person(t, "owner@example.com")}
				w.acme = w.owner.Organization(t, "Acme")
				w.admin = s.Member(t, w.acme, "admin@example.com", authz.Admin)
				w.token = w.admin.Token(t, w.acme, "admin", authz.Admin)
				holder := w.admin
				if c.byToken {
					holder = w.token
				}
				old := pass(t, s, holder, authz.OrganizationEdit, in(w.acme))
				c.change(t, w)
				before := s.Verify(t).Events
				err := edit(s, old)
				if c.want == "" && err != nil || c.want != "" && !fault.Has(err, c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if done := s.Verify(t).Events - before; (done == 1) != (c.want == "") || done > 1 {
					t.Errorf("%d events were written", done)
				}
			})
		})
	}
}

// TestRecheckOtherRights: a pass that is still good for its permission, under other
// rights than it was made with, is refused for this time: the service may have asked
// it for more.
func TestRecheckOtherRights(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.Person(t, "owner@example.com")
		acme := owner.Organization(t, "Acme")
		admin := s.Member(t, acme, "admin@example.com", authz.Admin)
		old := pass(t, s, admin, authz.TokenCreate, in(acme))
		if err := s.Members.SetRole(t.Context(), pass(t, s, owner, authz.MemberManage, in(acme)), admin.ID, authz.RoleID(acme, authz.DevOps)); err != nil {
			t.Fatal(err)
		}
		if !old.CanGrant(role(t, authz.Admin)) {
			t.Fatal("the old pass does not grant ADMIN: this test says nothing")
		}
		if err := edit(s, old); !fault.Has(err, fault.RightsChanged) {
			t.Errorf("%v, want %s", err, fault.RightsChanged)
		}
		if err := edit(s, pass(t, s, admin, authz.TokenCreate, in(acme))); err != nil {
			t.Errorf("a new pass: %v", err)
		}
	})
}

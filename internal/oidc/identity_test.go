package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/oidc/oidctest"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func enter(t *testing.T, b *consoletest.Browser, email string) *consoletest.Page {
	t.Helper()
	return b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": email, "password": apptest.Password}).Must(t, 200)
}

const identitiesPage = "/console/account/identities"

// TestLink: somebody who is signed in links whoever they are at the provider, whatever
// the address there, and unlinks it; nobody else can be made theirs.
func TestLink(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		jane, joe := s.Person(t, "jane@example.com"), s.Person(t, "joe@example.com")
		p.User("work", "jane@work.example", false)
		b := s.Browser()
		enter(t, b, jane.Email)
		link := func(b *consoletest.Browser, subject string) *consoletest.Page {
			t.Helper()
			page := b.Open(t, identitiesPage).Send(t, identitiesPage+"/link", nil).Must(t, 200, "Whoever you are there can sign in here as")
			return b.Open(t, page.Link("Go on to Acme Login")).Send(t, "/login/username", map[string]string{"username": subject, "password": oidctest.Password})
		}
		if page := link(b, "work").Must(t, 200, "work", p.URL); page.Path != identitiesPage {
			t.Errorf("linked, the browser is at %s", page.Path)
		}
		link(b, "work").Must(t, 200, "work") // the same again changes nothing
		if n := events(t, s, "account.identity_link"); n != 1 {
			t.Errorf("%d links", n)
		}
		through(t, s, s.Browser(), "work", "").Must(t, 200, "jane@example.com")
		// Whose it is already cannot be made somebody else's.
		other := s.Browser()
		enter(t, other, joe.Email)
		link(other, "work").Must(t, 409, "whose account here is another one")
		// Who signs in as somebody else on the way links nothing.
		p.User("home", "home@example.com", true)
		page := b.Open(t, identitiesPage).Send(t, identitiesPage+"/link", nil).Must(t, 200)
		enter(t, b, joe.Email)
		b.Open(t, page.Link("Go on")).Send(t, "/login/username", map[string]string{"username": "home", "password": oidctest.Password}).Must(t, 403, "begun in another browser")
		// A page of another site cannot begin it.
		foreign := s.Anonymous().With("Content-Type", "application/x-www-form-urlencoded").With("Sec-Fetch-Site", "cross-site")
		foreign.Post(t, identitiesPage+"/link", "").Refused(t, 403, "cross_origin")
		s.Anonymous().Get(t, identitiesPage+"/link").Must(t, 405)

		identity := jane.Get(t, "/account/identities").Must(t, 200).Text("results.0.id")
		joe.Delete(t, "/account/identities/"+identity).Refused(t, 404, "not_found")
		jane.Delete(t, "/account/identities/"+id.New[string]()).Refused(t, 404, "not_found")
		jane.Delete(t, "/account/identities/"+identity).Must(t, 204)
		through(t, s, s.Browser(), "work", "").Must(t, 403, "has not proved")
		acme := jane.Organization(t, "Acme")
		robot := jane.Token(t, acme, "ci", authz.Admin)
		robot.Get(t, "/account/identities").Refused(t, 403, "person_required")
		robot.Delete(t, "/account/identities/"+identity).Refused(t, 403, "person_required")
	})
}

// TestLastWayIn: an account without a password keeps a way to sign in.
func TestLastWayIn(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, p *oidctest.Provider) {
		p.User("one", "one@example.com", true)
		p.User("two", "two@example.com", true)
		b := s.Browser()
		page := through(t, s, b, "one", identitiesPage).Must(t, 200)
		page = page.Send(t, identitiesPage+"/unlink", nil).Must(t, 409, "only way to sign in")
		onward := page.Send(t, identitiesPage+"/link", nil)
		page = b.Open(t, onward.Link("Go on")).Send(t, "/login/username", map[string]string{"username": "two", "password": oidctest.Password}).Must(t, 200, "one", "two")
		page.Send(t, identitiesPage+"/unlink", nil).Must(t, 200)
		b.Open(t, identitiesPage).Send(t, identitiesPage+"/unlink", nil).Must(t, 409, "only way")
		if n := events(t, s, "account.identity_unlink"); n != 1 {
			t.Errorf("%d identities were unlinked", n)
		}
		// No password fits an account that has none.
		s.Anonymous().Post(t, "/auth/sign-in", map[string]any{"email": "one@example.com", "password": ""}).Refused(t, 401, "bad_credentials")
	})
}

// TestFirstSignInsAtOnce: however often somebody comes at once, they get one account.
func TestFirstSignInsAtOnce(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	apptest.EachWith(t, taking(f), func(t *testing.T, s *apptest.Server) {
		s.Person(t, "old@example.com")
		for _, claims := range []map[string]any{nil, {"sub": "old", "email": "old@example.com"}} {
			var all sync.WaitGroup
			for n := range 8 {
				token := key.Sign(t, said(f, apptest.Epoch, claims)) // signatures differ
				all.Go(func() {
					if r, err := bearer(s, token).Try(http.MethodGet, "/account", nil); err != nil || r.Status != 200 {
						t.Errorf("request %d: %v %s", n, err, r.Body)
					}
				})
			}
			all.Wait()
		}
		if events(t, s, "account.create") != 2 || events(t, s, "account.identity_link") != 2 { // the first by the test
			t.Error("there is more than one account or link of somebody")
		}
		s.Verify(t)
	})
}

// TestIdentityTokens: the token that comes with a code is checked as any other, and
// that it was made for this sign-in.
func TestIdentityTokens(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), taking(f, func(c *config.Server) {
		c.OIDC.Audience, c.OIDC.ClientID = "", "client"
	}))
	s.Person(t, "jane@example.com")
	come := func(answer func(nonce string) map[string]any) *apptest.Response {
		t.Helper()
		s.Clock.Advance(time.Minute)
		begun := s.Anonymous().Get(t, "/sign-in/oidc").Must(t, 303)
		to, err := url.Parse(begun.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 40 || q.Get("redirect_uri") != s.URL+"/sign-in/oidc/callback" {
			t.Errorf("the provider is asked %v", q)
		}
		c, err := http.ParseSetCookie(begun.Header.Get("Set-Cookie"))
		if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
			t.Errorf("the cookie %v, %v", c, err)
		}
		f.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" {
				return false
			}
			if r.FormValue("client_id") != "client" || r.FormValue("code_verifier") == "" {
				t.Errorf("the code is traded with %v", r.Form)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer(q.Get("nonce")))
			return true
		})
		return s.Anonymous().With("Cookie", c.Name+"="+c.Value).Get(t, "/sign-in/oidc/callback?code=x&state="+q.Get("state"))
	}
	token := func(sign func(claims map[string]any) string, changes map[string]any) func(string) map[string]any {
		return func(nonce string) map[string]any {
			claims := said(f, s.Clock.Now(), map[string]any{"aud": "client", "nonce": nonce})
			for name, value := range changes {
				claims[name] = value
			}
			return map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": sign(claims)}
		}
	}
	good := func(claims map[string]any) string { return key.Sign(t, claims) }
	for name, answer := range map[string]func(string) map[string]any{
		"another nonce": token(good, map[string]any{"nonce": "x"}), "no nonce": token(good, map[string]any{"nonce": ""}),
		"another audience": token(good, map[string]any{"aud": audience}), "another party": token(good, map[string]any{"aud": []string{"client", "x"}, "azp": "x"}),
		"another issuer": token(good, map[string]any{"iss": "https://evil.example.com"}), "expired": token(good, map[string]any{"exp": 1}),
		"unsigned":    token(func(c map[string]any) string { return oidctest.Unsigned(t, map[string]any{"alg": "none"}, c) }, nil),
		"another key": token(func(c map[string]any) string { return oidctest.NewKey("k1").Sign(t, c) }, nil),
		"our secret": token(func(c map[string]any) string {
			return oidctest.SignWith(t, jose.HS256, []byte(strings.Repeat("s", 32)), c)
		}, nil),
		"an unproved address":        token(good, map[string]any{"email_verified": false}),
		"an address proved in words": token(good, map[string]any{"email_verified": "yes"}),
		"no token":                   func(string) map[string]any { return map[string]any{"access_token": "x", "token_type": "Bearer"} },
		"a list in place of a text":  token(good, map[string]any{"email": []string{"jane@example.com"}}),
		"no subject":                 token(good, map[string]any{"sub": ""}),
	} {
		if r := come(answer); r.Status != 403 || r.Header.Get("Set-Cookie") == "" || strings.Contains(strings.Join(r.Header.Values("Set-Cookie"), " "), "session") {
			t.Errorf("%s: %d %v %s", name, r.Status, r.Header, r.Body)
		}
	}
	if r := come(token(good, nil)); r.Status != 200 || !strings.Contains(string(r.Body), "Forge has proved") {
		t.Errorf("a good token: %d %s", r.Status, r.Body)
	}
	if r := come(token(good, map[string]any{"email_verified": "true", "sub": "jane"})); r.Status != 303 || r.Header.Get("Location") != "/console/" {
		t.Errorf("the second time: %d %s", r.Status, r.Body)
	}
	// Too long at the provider.
	begun := s.Anonymous().Get(t, "/sign-in/oidc").Must(t, 303)
	c, _ := http.ParseSetCookie(begun.Header.Get("Set-Cookie"))
	to, _ := url.Parse(begun.Header.Get("Location"))
	s.Clock.Advance(10 * time.Minute)
	if r := s.Anonymous().With("Cookie", c.Name+"="+c.Value).Get(t, "/sign-in/oidc/callback?code=x&state="+to.Query().Get("state")); r.Status != 403 || !strings.Contains(string(r.Body), "too long ago") {
		t.Errorf("too late: %d %s", r.Status, r.Body)
	}
	quiet(t, s)
}

// TestWithoutProvider: where no provider is trusted, nothing leads to one.
func TestWithoutProvider(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	b := s.Browser()
	if page := b.Open(t, "/sign-in").Must(t, 200); page.Link("Sign in with") != "" {
		t.Error("a provider is offered")
	}
	b.Open(t, "/sign-in/oidc").Must(t, 404)
	b.Open(t, "/sign-in/oidc/callback?code=x&state=y").Must(t, 404)
	enter(t, b, jane.Email)
	if page := b.Open(t, identitiesPage).Must(t, 200, "with your password."); page.Has(identitiesPage + "/link") {
		t.Error("a link is offered")
	}
	if list := jane.Get(t, "/account/identities").Must(t, 200); len(list.List("results")) != 0 {
		t.Errorf("%s", list.Body)
	}
}

// TestLetters: the owner of an account hears of each way into it, at the account's address.
func TestLetters(t *testing.T) {
	post := mailtest.Start(t)
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	o := taking(f, post.Settings)
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), o)
	s.Person(t, "jane@example.com")
	bearer(s, key.Sign(t, said(f, apptest.Epoch, map[string]any{"email": "JANE@example.com"}))).Get(t, "/account").Must(t, 200)
	if _, err := s.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := post.To(t, "jane@example.com")
	m.Says("Forge was linked to your account", "Whoever Forge knows as JANE@example.com can sign in to your account jane@example.com")
	if m.Link() != s.URL+identitiesPage {
		t.Errorf("the letter leads to %s", m.Link())
	}
	bearer(s, key.Sign(t, said(f, apptest.Epoch, map[string]any{"sub": "new", "email": "new@example.com"}))).Get(t, "/account").Must(t, 200)
	if _, err := s.Jobs.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	post.Nothing(t) // who has a new account knows
}

// TestLeave: who ends their account leaves no identity, and comes back as somebody new.
func TestLeave(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	apptest.EachWith(t, taking(f), func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		theirs := bearer(s, key.Sign(t, said(f, apptest.Epoch, nil)))
		theirs.Get(t, "/account").Must(t, 200)
		if err := store.Do(t.Context(), s.DB, authz.System("test").As(authn.Account{ID: jane.ID}), func(tx *store.Tx) error {
			tx.Unaudited("test")
			if _, err := tx.Exec(`UPDATE account SET email = 'closed', email_key = id WHERE id = $1`, jane.ID); err != nil {
				return err
			}
			if err := tx.Touch(string(jane.ID), true); err != nil {
				return err
			}
			return s.Identities.Leave(tx, authz.System("test"), jane.ID)
		}); err != nil {
			t.Fatal(err)
		}
		if r := theirs.Get(t, "/account").Must(t, 200); r.Text("id") == string(jane.ID) || r.Text("email") != "jane@example.com" {
			t.Errorf("after the end: %s", r.Body)
		}
	})
}

// TestUnlinkMeanwhile: a request that was let in before the identity was unlinked, and
// writes after it, changes nothing.
func TestUnlinkMeanwhile(t *testing.T) {
	f := oidctest.NewForger(t)
	key := oidctest.NewKey("k1")
	f.Show(key)
	apptest.EachWith(t, taking(f), func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		actor, err := s.Authenticator.Authenticate(t.Context(), "Bearer "+key.Sign(t, said(f, apptest.Epoch, nil)))
		if err != nil {
			t.Fatal(err)
		}
		pass, err := s.Authorizer.Require(t.Context(), actor, authz.AccountEdit, authz.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		reach := "reach@example.com"
		if _, err := s.Accounts.Edit(t.Context(), pass, &reach); err != nil {
			t.Fatal(err)
		}
		jane.Delete(t, "/account/identities/"+jane.Get(t, "/account/identities").Text("results.0.id")).Must(t, 204)
		reach = "eve@example.com"
		if _, err := s.Accounts.Edit(t.Context(), pass, &reach); !fault.Has(err, fault.Unauthenticated) {
			t.Errorf("written after the identity was unlinked: %v", err)
		}
	})
}

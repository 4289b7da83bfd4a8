package apitoken_test

import (
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

// TestPages: a token is made, shown once, works, is taken over and deleted on pages.
func TestPages(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, bob, eve := s.Person(t, "jane@example.com"), s.Person(t, "bob@example.com"), s.Person(t, "eve@example.com")
		acme := jane.Organization(t, "Acme")
		other := eve.Organization(t, "Other")
		s.Join(t, acme, bob, authz.Admin)
		hers, his := browser(t, s, jane), browser(t, s, bob)
		const under = "/console/organizations/"
		tokens := under + string(acme) + "/settings/api-tokens"

		hers.Open(t, tokens).Must(t, 200, "No program can sign in", "/organization/"+string(acme)+"/apiToken")
		form := hers.Open(t, tokens+"/new").Must(t, 200, "Expires")
		again := form.Send(t, tokens+"/new", map[string]string{"name": "", "description": "kept words"}).Must(t, 400, "kept words")
		made := again.Send(t, tokens+"/new", map[string]string{"name": "deploy", "expires": "30"}).Must(t, 201, "only time")
		secret := ""
		for word := range strings.FieldsFuncSeq(made.Source, func(r rune) bool {
			return !(r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
		}) {
			if strings.HasPrefix(word, "qov_") {
				secret = word
			}
		}
		token := (&apptest.Caller{Scheme: "Token", Credential: secret}).At(s)
		token.Get(t, "/organization/"+string(acme)+"/apiToken").Must(t, 200)
		list := hers.Open(t, tokens).Must(t, 200, "deploy", "just now")
		if strings.Contains(list.Source, secret) {
			t.Error("the secret is shown again")
		}
		one := tokens + "/" + token.Get(t, "/organization/"+string(acme)+"/apiToken").Text("results.0.id")

		his.Open(t, one+"/take-over").Must(t, 200, "made by jane@example.com").Send(t, one+"/take-over", nil).Must(t, 200, "is yours")
		if by := jane.Get(t, "/organization/"+string(acme)+"/apiToken").Text("results.0.created_by"); by != "bob@example.com" {
			t.Errorf("the token is of %s", by)
		}

		stranger := browser(t, s, eve)
		for _, path := range []string{tokens, tokens + "/new", one + "/delete", one + "/take-over"} {
			stranger.Open(t, path).Must(t, 404)
		}
		foreign := strings.Replace(one, string(acme), string(other), 1)
		stranger.Open(t, foreign+"/delete").Must(t, 404)

		hers.Open(t, one+"/delete").Must(t, 200, "refused from the next request on").Send(t, one+"/delete", nil).Must(t, 200, "is deleted")
		token.Get(t, "/organization/"+string(acme)+"/apiToken").Refused(t, 401, "unauthenticated")
		s.Verify(t)
	})
}

func browser(t *testing.T, s *apptest.Server, who *apptest.Caller) *consoletest.Browser {
	t.Helper()
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
	return b
}

package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

// TestPage: who can, with the reason for each and page by page; why one cannot; what
// an address may not ask; a stranger finds nothing.
func TestPage(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane, eve := s.Person(t, "jane@example.com"), s.Person(t, "eve@example.com")
		acme, other := jane.Organization(t, "Acme"), eve.Organization(t, "Other")
		bob := s.Member(t, acme, "bob@example.com", authz.Viewer)
		shop, theirs := jane.Project(t, acme, "storefront"), eve.Project(t, other, "theirs")
		jane.Token(t, acme, "ci", authz.Admin)
		in := func(who *apptest.Caller) *consoletest.Browser {
			b := s.Browser()
			b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": who.Email, "password": apptest.Password}).Must(t, 200)
			return b
		}
		hers, stranger := in(jane), in(eve)
		page := "/console/organizations/" + string(acme) + "/access"
		start := hers.Open(t, page).Must(t, 200, "Choose what and where", "storefront")
		if !strings.Contains(start.Frame(), "Who can") {
			t.Error("the rail does not lead to the page")
		}
		ask := page + "?permission=project.delete&thing=" + string(shop)
		answer := hers.Open(t, ask).Must(t, 200, "2 answers", "delete projects", "jane@example.com", "the role OWNER has project.delete", "ci")
		if strings.Contains(answer.Text, "bob@example.com") || strings.Contains(answer.Text, "theirs") {
			t.Errorf("it tells too much:\n%s", answer.Text)
		}
		hers.Open(t, ask+"&who=BOB@example.com").Must(t, 200, "bob@example.com cannot delete projects", "the role VIEWER has not project.delete")
		hers.Open(t, ask+"&who="+string(bob.ID)).Must(t, 200, "cannot delete projects")
		hers.Open(t, ask+"&who=ci").Must(t, 200, "ci can delete projects")
		hers.Open(t, ask+"&who=eve@example.com").Must(t, 200, "no member and no API token")
		hers.Open(t, page+"?permission=project.read&find=STORE").Must(t, 200, "storefront", "3 answers")
		for _, wrong := range []string{"?permission=nonsense", "?permission=project.read&mode=X", "?permission=project.read&thing=x", "?permission=project.read&after=x!", "?find=%00"} {
			hers.Open(t, page+wrong).Must(t, 400)
		}
		hers.Open(t, page+"?permission=project.read&thing="+string(theirs)).Must(t, 404)
		stranger.Open(t, page).Must(t, 404)
		stranger.Open(t, ask).Must(t, 404)
		for i := range 50 {
			jane.Token(t, acme, fmt.Sprintf("token %02d", i), authz.Admin)
		}
		first := hers.Open(t, ask).Must(t, 200, "52 answers")
		last := hers.Open(t, first.Link("Further")).Must(t, 200, "52 answers", "token 49")
		if strings.Contains(last.Text, "jane@example.com") || last.Link("Further") != "" {
			t.Error("the second page is not the rest")
		}
	})
}

// TestWords: every permission has words to choose it by.
func TestWords(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	b := s.Browser()
	b.Open(t, "/sign-in").Send(t, "/sign-in", map[string]string{"email": jane.Email, "password": apptest.Password}).Must(t, 200)
	source := b.Open(t, "/console/organizations/"+string(acme)+"/access").Must(t, 200).Source
	for _, p := range authz.Permissions() {
		_, after, found := strings.Cut(source, `value="`+string(p)+`"`)
		if _, words, _ := strings.Cut(after, ">"); !found || strings.HasPrefix(words, "<") {
			t.Errorf("%s has no words", p)
		}
	}
}

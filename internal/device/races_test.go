package device_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// TestRaces: of two who come with one code or token at once, at most one gets through.
func TestRaces(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Person(t, "jane@example.com")
		s.Person(t, "joe@example.com")
		once := func(values ...url.Values) (won []*apptest.Response) {
			t.Helper()
			answers := make([]*apptest.Response, len(values))
			var all sync.WaitGroup
			for i, v := range values {
				all.Go(func() {
					r, err := program(s).Try(http.MethodPost, "/oauth/token", v.Encode())
					if err != nil {
						t.Error(err)
						return
					}
					answers[i] = r
				})
			}
			all.Wait()
			for _, r := range answers {
				switch {
				case r == nil:
				case r.Status == 200:
					won = append(won, r)
				case r.Status != 400 || r.Text("error") != "invalid_grant":
					t.Errorf("%d %s", r.Status, r.Body)
				}
			}
			return won
		}
		for range 5 {
			b := s.Browser()
			enter(t, b, "jane@example.com")
			s.Clock.Advance(time.Minute)
			codes := begin(t, s)
			approve(t, b, codes.Text("user_code"))
			code := url.Values{"grant_type": {deviceGrant}, "client_id": {"cli"}, "device_code": {codes.Text("device_code")}}
			won := once(code, code, code)
			if len(won) != 1 {
				t.Fatalf("%d sessions of one code", len(won))
			}
			form := refreshForm(won[0].Text("refresh_token"))
			again := once(form, form)
			if len(again) != 1 {
				t.Fatalf("%d refreshes of one token", len(again))
			}
			// The other one ended the family.
			bearer(s, again[0]).Get(t, "/account").Refused(t, 401, "unauthenticated")
			refused(t, refresh(t, s, again[0].Text("refresh_token")), "invalid_grant")
		}
		if n := events(t, s, "account.refresh_reuse"); n != 5 {
			t.Errorf("%d events of 5 reuses", n)
		}
		// Two people approve one program: it is one's.
		jane, joe := s.Browser(), s.Browser()
		enter(t, jane, "jane@example.com")
		enter(t, joe, "joe@example.com")
		codes := begin(t, s)
		var pages []*apptest.Page
		for _, b := range []*apptest.Browser{jane, joe} {
			pages = append(pages, b.Open(t, "/device").Send(t, "/device", map[string]string{"user_code": codes.Text("user_code")}).Must(t, 200))
		}
		pages[0].Send(t, "/device/approve", nil).Must(t, 200)
		pages[1].Send(t, "/device/approve", nil).Must(t, 400, "is not known")
		if r := bearer(s, trade(t, s, codes.Text("device_code")).Must(t, 200)).Get(t, "/account"); r.Text("email") != "jane@example.com" {
			t.Errorf("the program is %s", r.Body)
		}
		s.Verify(t)
	})
}

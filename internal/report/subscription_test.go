package report_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/organization"
	"github.com/guildhall-dev/guildhall/internal/report"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// path is the link of a letter without the server's address.
func path(t testing.TB, m *mailtest.Message) string {
	t.Helper()
	u, err := url.Parse(m.Link())
	if err != nil || u.Path != "/unsubscribe" || len(u.Query().Get("token")) < 26 {
		t.Fatalf("the letter to %s has the link %q (%v):\n%s", m.To, m.Link(), err, m.Text)
	}
	return u.RequestURI()
}

// post is a form as a mail provider sends it: from elsewhere, without a cookie.
func post(t testing.TB, s *apptest.Server, path, kind string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Origin", "https://mail.provider.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

const formType = "application/x-www-form-urlencoded"

func unsubscribed(t testing.TB, s *apptest.Server, which id.Organization) []organization.Unsubscribed {
	t.Helper()
	d, err := s.Organizations.Show(t.Context(), operator, string(which))
	if err != nil {
		t.Fatal(err)
	}
	return d.Unsubscribed
}

func events(t testing.TB, s *apptest.Server, which id.Organization, action string) int64 {
	t.Helper()
	n, err := store.Value[int64](s.DB.Reader(t.Context()), `SELECT COUNT(*) FROM event WHERE organization_id = $1 AND action = $2 AND target_name = 'ops@acme.example' AND triggered_by = 'unsubscribe link'`, which, action)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUnsubscribePage: looking changes nothing, the button ends the letters of one kind
// to one address about one organization, and another button brings them back.
func TestUnsubscribePage(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := founded(t, jane, "Acme", "FREE", "ops@acme.example", "boss@acme.example")
		founded(t, jane, "Other", "FREE", "ops@acme.example")
		at(t, s, "2026-03-02 06:00:00")
		var link string
		for _, m := range work(t, s, box)["ops@acme.example"] {
			if strings.Contains(m.Subject, "Acme") {
				link = path(t, m)
			}
		}
		browser := s.Browser()
		page := browser.Open(t, link).Must(t, 200, "With one press ops@acme.example gets no weekly usage reports of the organization Acme any more.")
		if list := unsubscribed(t, s, acme); len(list) != 0 {
			t.Errorf("looking unsubscribed %v", list)
		}
		done := page.Send(t, "/unsubscribe", nil).Must(t, 200, "ops@acme.example gets no weekly usage reports of the organization Acme any more.")
		if list := unsubscribed(t, s, acme); len(list) != 1 || list[0].Address != "ops@acme.example" || list[0].Kind != "weekly" {
			t.Errorf("unsubscribed: %v", list)
		}
		page.Send(t, "/unsubscribe", nil).Must(t, 200, "any more")
		if n := events(t, s, acme, "report.unsubscribe"); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		browser.Open(t, link).Must(t, 200, "Letters about outages and maintenance still come")

		at(t, s, "2026-03-09 06:00:00")
		letters := work(t, s, box)
		if got := to(letters); got != "boss@acme.example, ops@acme.example" || !strings.Contains(letters["ops@acme.example"][0].Subject, "Other") {
			t.Errorf("a week later: %s", got)
		}
		shown, err := s.Reports.Show(t.Context(), operator, "Acme", report.Weekly, true)
		if err != nil || shown.Letters != 1 || len(shown.Unsubscribed) != 1 || to(finish(t, s, box)) != "boss@acme.example" {
			t.Errorf("the operator sends: %+v, %v", shown, err)
		}
		if shown, err = s.Reports.Show(t.Context(), operator, "Other", report.Weekly, false); err != nil || len(shown.Unsubscribed) != 0 {
			t.Errorf("the other organization's: %+v, %v", shown, err)
		}

		done.Send(t, "/unsubscribe", nil).Must(t, 200, "With one press")
		if n := events(t, s, acme, "report.subscribe"); n != 1 || len(unsubscribed(t, s, acme)) != 0 {
			t.Errorf("%d events, want 1", n)
		}
		at(t, s, "2026-03-16 06:00:00")
		letters = work(t, s, box)
		if got := to(letters); got != "boss@acme.example, ops@acme.example x2" {
			t.Errorf("subscribed again: %s", got)
		}
		for _, m := range letters["ops@acme.example"] {
			if strings.Contains(m.Subject, "Acme") && path(t, m) != link {
				t.Errorf("the link changed to %s", path(t, m))
			}
		}
		if strings.Contains(s.Log.String(), strings.TrimPrefix(link, "/unsubscribe?token=")) {
			t.Error("the token is in the log")
		}
		s.Verify(t)
	})
}

// TestOneClick: the POST of a mail provider unsubscribes, in both encodings; forged and
// broken ones change nothing, and no other path takes forms from elsewhere.
func TestOneClick(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		s.Mail.SetPublicURL("https://guildhall.example.com")
		acme := founded(t, s.Person(t, "jane@example.com"), "Acme", "FREE", "ops@acme.example", "boss@acme.example")
		at(t, s, "2026-03-02 06:00:00")
		letters := work(t, s, box)
		ops := letters["ops@acme.example"][0]
		link := path(t, ops)
		if got := ops.Header.Get("List-Unsubscribe"); got != "<https://guildhall.example.com"+link+">" {
			t.Errorf("List-Unsubscribe: %s", got)
		}
		if got := ops.Header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
			t.Errorf("List-Unsubscribe-Post: %s", got)
		}
		other := path(t, letters["boss@acme.example"][0])
		if other == link {
			t.Error("two addresses have one link")
		}
		click := []byte("List-Unsubscribe=One-Click")
		for name, c := range map[string]struct {
			path, kind string
			body       []byte
			status     int
		}{
			"forged":             {link[:len(link)-1] + "!", formType, click, 404},
			"another's spelling": {strings.ToLower(link), formType, click, 404},
			"no token":           {"/unsubscribe", formType, click, 404},
			"a long token":       {"/unsubscribe?token=" + strings.Repeat("A", 5000), formType, click, 404},
			"NUL":                {"/unsubscribe?token=%00%ff", formType, click, 404},
			"no answer":          {link, formType, nil, 400},
			"another answer":     {link, formType, []byte("List-Unsubscribe=Maybe&answer=x"), 400},
			"the answer in the address": {
				link + "&List-Unsubscribe=One-Click&answer=unsubscribe", formType, nil, 400,
			},
			"broken multipart": {link, "multipart/form-data; boundary=x", click, 400},
			"too large":        {link, formType, bytes.Repeat([]byte("x"), 20<<10), 413},
			"sign-out":         {"/sign-out", formType, click, 403},
			"below":            {"/unsubscribe/x", formType, click, 403},
		} {
			status := post(t, s, c.path, c.kind, c.body)
			if status != c.status && (c.status != 400 || status != 422) {
				t.Errorf("%s: status %d, want %d", name, status, c.status)
			}
		}
		if list := unsubscribed(t, s, acme); len(list) != 0 {
			t.Errorf("unsubscribed: %v", list)
		}

		if status := post(t, s, link, formType, click); status != 200 {
			t.Errorf("one click: %d", status)
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		if err := form.WriteField("List-Unsubscribe", "One-Click"); err != nil {
			t.Fatal(err)
		}
		form.Close()
		if status := post(t, s, other, form.FormDataContentType(), body.Bytes()); status != 200 {
			t.Errorf("one click, multipart: %d", status)
		}
		if list := unsubscribed(t, s, acme); len(list) != 2 {
			t.Errorf("unsubscribed: %v", list)
		}
		if n := events(t, s, acme, "report.unsubscribe"); n != 1 {
			t.Errorf("%d events for one address, want 1", n)
		}
		if _, err := s.Organizations.PurgeNow(t.Context(), operator, "Acme", "Acme"); err != nil {
			t.Fatal(err)
		}
		if status := post(t, s, link, formType, click); status != 404 {
			t.Errorf("after the purge: %d", status)
		}
		s.Verify(t)
	})
}

// TestPlainHTTP: a server without TLS offers the link, and no one-click.
func TestPlainHTTP(t *testing.T) {
	each(t, func(t *testing.T, s *apptest.Server, box *mailtest.Server) {
		founded(t, s.Person(t, "jane@example.com"), "Acme", "FREE", "ops@acme.example")
		at(t, s, "2026-03-02 06:00:00")
		m := work(t, s, box)["ops@acme.example"][0]
		if got := m.Header.Get("List-Unsubscribe"); got != "<"+m.Link()+">" || m.Header.Get("List-Unsubscribe-Post") != "" {
			t.Errorf("List-Unsubscribe: %s, -Post: %s", got, m.Header.Get("List-Unsubscribe-Post"))
		}
	})
}

// Package kind_test holds every kind of thing to the same life: it is made, read,
// listed, edited and deleted, its secrets never come out, and nobody else reaches it.
package kind_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

type body = map[string]any

// lived is a thing: where it is made, of what, with which secrets, by the dotted names
// of their fields, and what is shown beyond what was sent.
type lived struct {
	what, path    string
	sent, secrets body
	shown         body
}

func (l lived) at(organization id.Organization) string {
	return "/organization/" + string(organization) + "/" + l.path
}

// request is what makes the thing; with gives the secrets another ending, nil leaves them out.
func (l lived) request(name string, ending *string) body {
	b := clone(l.sent)
	b["name"] = name
	for field, secret := range l.secrets {
		if ending == nil {
			continue
		}
		to := b
		if first, rest, below := strings.Cut(field, "."); below {
			to, field = b[first].(body), rest
		}
		to[field] = l.secret(secret, *ending)
	}
	return b
}

// secret is a secret with another ending; one that is base64 stays so.
func (l lived) secret(of any, ending string) string {
	if plain, err := base64.StdEncoding.DecodeString(of.(string)); err == nil {
		return base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(plain), "hidden value", "hidden value"+ending, 1)))
	}
	return of.(string) + ending
}

func clone(b body) body {
	text, _ := json.Marshal(b)
	var c body
	_ = json.Unmarshal(text, &c)
	return c
}

// witness keeps every answer, to be searched for secrets.
type witness struct {
	*apptest.Caller
	answers strings.Builder
}

func (w *witness) ask(t *testing.T, method, path string, b any) *apptest.Response {
	t.Helper()
	r := w.Do(t, method, path, b)
	w.answers.Write(r.Body)
	return r
}

func TestLife(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := &witness{Caller: s.Person(t, "jane@example.com")}
		acme := jane.Organization(t, "Acme")
		eve := s.Person(t, "eve@example.com")
		elsewhere := eve.Organization(t, "Elsewhere")
		members := map[authz.RoleName]*apptest.Caller{}
		for _, role := range []authz.RoleName{authz.DevOps, authz.Developer, authz.Billing, authz.Viewer} {
			members[role] = s.Member(t, acme, strings.ToLower(string(role))+"@example.com", role)
		}
		for _, l := range kinds {
			t.Run(l.what, func(t *testing.T) {
				path := l.live(t, s, jane, acme)
				strangers(t, l, path, eve, acme, elsewhere)
				l.refusals(t, path, members)
				l.undo(t, s, jane, acme, path)
				jane.ask(t, "DELETE", path, nil).Must(t, 204)
				jane.ask(t, "GET", path, nil).Refused(t, 404, "not_found")
				jane.ask(t, "DELETE", path, nil).Refused(t, 404, "not_found")
				again := l.request(l.what+" two", ptr(""))
				jane.ask(t, "POST", l.at(acme), again).Must(t, 201) // its name is free, and it stays for the backup
			})
		}
		jane.ask(t, "GET", "/organization/"+string(acme)+"/events?pageSize=100", nil)
		jane.ask(t, "GET", "/organization/"+string(acme)+"/credentials", nil).Must(t, 200)
		nothingHidden(t, s, jane.answers.String())
		s.Verify(t)
		if s.Storage.Embedded() { // the list of what is sealed is the same on both, and a restore is not cheap
			backup(t, s)
		}
	})
}

func ptr(s string) *string { return &s }

// live makes, reads, lists and edits a thing, and gives its path.
func (l lived) live(t *testing.T, s *apptest.Server, jane *witness, acme id.Organization) string {
	t.Helper()
	s.Clock.Advance(time.Second)
	made := jane.ask(t, "POST", l.at(acme), l.request(l.what, ptr(""))).Must(t, 201)
	l.holds(t, made, l.what)
	path := l.at(acme) + "/" + made.Text("id")
	if got := jane.ask(t, "GET", path, nil).Must(t, 200); string(got.Body) != string(made.Body) {
		t.Errorf("made %s\nread %s", made.Body, got.Body)
	}
	listed := jane.ask(t, "GET", l.at(acme), nil).Must(t, 200).List("results")
	var whole any
	if err := json.Unmarshal(made.Body, &whole); err != nil || !reflect.DeepEqual(listed[len(listed)-1], whole) {
		t.Errorf("the list ends with %v, made was %s", listed[len(listed)-1], made.Body)
	}
	taken := jane.ask(t, "POST", l.at(acme), l.request(strings.ToUpper(l.what), ptr(""))).Refused(t, 409, "name_taken")
	if d := taken.Text("detail"); !strings.HasSuffix(d, " name is already taken") {
		t.Errorf("the refusal says %q", d)
	}

	// An edit that leaves the secrets out keeps them as they are, sealed byte by byte.
	before := sealedText(t, s, made.Text("id"))
	if (before != "") != (len(l.secrets) > 0) {
		t.Errorf("the sealed column holds %q", before)
	}
	s.Clock.Advance(time.Second)
	edited := jane.ask(t, "PUT", path, l.request(l.what+" two", nil)).Must(t, 200)
	l.holds(t, edited, l.what+" two")
	if sealedText(t, s, made.Text("id")) != before {
		t.Error("an edit without secrets changed them")
	}
	same := jane.ask(t, "PUT", path, l.request(l.what+" two", ptr(""))).Must(t, 200)
	if sealedText(t, s, made.Text("id")) != before || string(same.Body) != string(edited.Body) {
		t.Error("the same secrets again are a change")
	}
	l.changes(t, jane, acme, nil)

	// New secrets are a change, and the event says which and nothing of them.
	jane.ask(t, "PUT", path, l.request(l.what+" two", ptr(" changed"))).Must(t, 200)
	if len(l.secrets) > 0 && sealedText(t, s, made.Text("id")) == before {
		t.Error("new secrets changed nothing")
	}
	l.changes(t, jane, acme, slices.Sorted(maps.Keys(l.secrets)))
	return path
}

// holds compares an answer with what was sent.
func (l lived) holds(t *testing.T, r *apptest.Response, name string) {
	t.Helper()
	var got body
	if err := json.Unmarshal(r.Body, &got); err != nil {
		t.Fatal(err)
	}
	want := clone(l.sent)
	delete(want, "type") // of AWS credentials, which answer by object_type
	maps.Copy(want, l.shown)
	want["name"] = name
	for field, value := range want {
		if !reflect.DeepEqual(got[field], value) {
			t.Errorf("%s is %v, want %v", field, got[field], value)
		}
	}
}

// changes looks at the newest event: its changed fields are these, without the time.
func (l lived) changes(t *testing.T, jane *witness, acme id.Organization, want []string) {
	t.Helper()
	r := jane.ask(t, "GET", "/organization/"+string(acme)+"/events?pageSize=1", nil).Must(t, 200)
	var got []string
	for _, field := range r.List("events.0.changed_fields") {
		if field != "updated_at" {
			got = append(got, field.(string))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the event says that %v changed, want %v: %s", got, want, r.Body)
	}
	for _, field := range want {
		if !strings.Contains(r.Text("events.0.change"), `"`+field+`":"*** (new)"`) {
			t.Errorf("the event does not mask %s: %s", field, r.Text("events.0.change"))
		}
	}
}

// strangers finds that people of another organization reach nothing, by neither path.
func strangers(t *testing.T, l lived, path string, eve *apptest.Caller, acme, elsewhere id.Organization) {
	t.Helper()
	for _, p := range []string{path, strings.Replace(path, string(acme), string(elsewhere), 1)} {
		eve.Get(t, p).Refused(t, 404, "not_found")
		eve.Put(t, p, l.request("Mine", ptr(""))).Refused(t, 404, "not_found")
		eve.Delete(t, p).Refused(t, 404, "not_found")
	}
	if n := len(eve.Get(t, l.at(elsewhere)).Must(t, 200).List("results")); n != 0 {
		t.Errorf("another organization lists %d of them", n)
	}
}

// refusals asks as members: settings are refused to who may not see them, not hidden.
func (l lived) refusals(t *testing.T, path string, members map[authz.RoleName]*apptest.Caller) {
	t.Helper()
	for role, c := range members {
		want := 403
		switch private := strings.HasSuffix(l.path, "credentials") || l.path == "gitToken"; {
		case role == authz.DevOps, role == authz.Billing && !private:
			want = 200
		}
		for _, p := range []string{path, path[:strings.LastIndex(path, "/")]} {
			if r := c.Get(t, p); r.Status != want {
				t.Errorf("%s gets %d for %s, want %d", role, r.Status, p, want)
			}
		}
		if role != authz.DevOps {
			c.Put(t, path, l.request("Mine", ptr(""))).Refused(t, 403, "permission_missing")
			c.Delete(t, path).Refused(t, 403, "permission_missing")
		}
	}
}

func sealedText(t *testing.T, s *apptest.Server, object string) string {
	t.Helper()
	text, err := store.Value[string](s.DB.Reader(t.Context()), `SELECT sealed FROM object WHERE id = $1`, object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// nothingHidden searches answers, log and the whole database for secrets, as they are
// and as they could be encoded.
func nothingHidden(t *testing.T, s *apptest.Server, answers string) {
	t.Helper()
	const mark = "hidden value"
	forms := []string{mark, hex.EncodeToString([]byte(mark))}
	for shift := range 3 { // base64 of a text that stands anywhere in another
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + mark))
		forms = append(forms, encoded[4:len(encoded)-4])
	}
	look := func(where, text string) {
		for _, form := range forms {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s holds a secret: %.200q", where, text[i:])
			}
		}
	}
	look("an answer", answers)
	look("the log", s.Log.String())
	if err := s.DB.EachText(t.Context(), func(table, text string) error {
		look("the table "+table, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// backup makes one and finds that everything sealed opens, and is in the list.
func backup(t *testing.T, s *apptest.Server) {
	t.Helper()
	secrets := 0
	for _, l := range kinds {
		secrets += 2 * len(l.secrets) // the deleted one and the new one
	}
	file := filepath.Join(t.TempDir(), "a.backup")
	if _, err := app.MakeBackup(t.Context(), s.Storage, app.BackupRequest{File: file}); err != nil {
		t.Fatal(err)
	}
	v, err := app.VerifyBackup(t.Context(), s.Storage, file, "")
	if err != nil {
		t.Fatal(err)
	}
	if v.Opened.Fields < int64(secrets) {
		t.Errorf("%d sealed fields were opened, there are %d secrets of things", v.Opened.Fields, secrets)
	}
}

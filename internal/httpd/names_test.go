package httpd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// goodNames come back exactly as they were sent.
var goodNames = map[string]string{
	"accents": "Ünïcødé Straße", "Hebrew": "שלום עולם", "Arabic": "مرحبا بالعالم", "both directions": "Acme שלום Ltd", "Persian with a joiner": "می\u200cخواهم", "Hindi": "क्\u200dष नमस्ते",
	"family": "👩\u200d👩\u200d👧\u200d👦", "rainbow": "🏳\ufe0f\u200d🌈 pride", "skin": "👍🏽", "flags": "🇫🇷🇩🇪", "keycap": "1\ufe0f\u20e3", "astral letters": "𝒳𝒴 𠮷野家",
	"combining": "re\u0301sume\u0301", "many marks": "Z" + strings.Repeat("\u0335\u0321", 60), "Hangul in parts": "\u1112\u1161\u11ab", "Thai": "สวัสดี", "dotted I": "İstanbul ıI", "long s": "ſs", "Cherokee": "Ꭰꭰ",
	"quotes": `O'Brien "the" \ back`, "a formula": `=cmd|' /C calc'!A0`, "templates": "%s%n {{.}} ${x} $1", "SQL": "' OR 1=1 --", "a header": "Bcc: victim@example.com", "128 wide": strings.Repeat("😀", 128),
}

// badNames are refused, as JSON texts.
var badNames = map[string]string{
	"NUL": `"a\u0000b"`, "header injection": `"Jane\r\nBcc: victim@example.com"`, "line feed": `"a\nb"`, "return": `"a\rb"`, "folded": `"a\r\n b"`, "tab": `"a\tb"`, "escape": `"a\u001bb"`, "delete": `"a\u007fb"`, "next line": `"a\u0085b"`,
	"line separator": `"a\u2028b"`, "paragraph": `"a\u2029b"`, "turned around": `"a\u202egnp.exe"`, "mark of direction": `"a\u200fb"`, "isolate": `"a\u2066b"`, "zero width": `"a\u200bb"`, "byte order mark": `"\ufeffa"`, "soft hyphen": `"a\u00adb"`,
	"half a pair": `"a\ud83d"`, "the other half": `"\ude00a"`, "halves turned around": `"\ude00\ud83d"`, "replacement": `"a\ufffdb"`, "tags": `"a\udb40\udc41"`,
	"blank": `" \u00a0\u3000"`, "joiner alone": `"\u200d"`, "filler": `"\u3164"`, "empty": `""`, "129": `"` + strings.Repeat("x", 129) + `"`, "HTML": `"<b>a"`,
}

// alike are one name each, in other words.
var alike = [][]string{
	{"Fine Office", "FINE OFFICE", "ﬁne oﬃce", "Ｆｉｎｅ Ｏｆｆｉｃｅ", " fine office ", "Fine\u200d Office", "Fine Offic\ufe0fe"},
	{"Café Straße", "cafe\u0301 strasse", "CAFÉ STRASSE"},
	{"㎏ №1", "kg No1", "KG NO1"},
}

var longest = strings.Repeat("l", 64) + "@" + strings.Repeat(strings.Repeat("d", 61)+".", 3) + "com" // 254

var goodEmails = map[string]string{
	"plain": "plain@example.com", "tagged": "plain+news@example.com", "tagged twice": "plain+news+more@example.com", "dots": "a.b-c_d@sub.example.co.uk", "apostrophe": "o'brien@example.com", "capitals": "Jane.Doe@Example.COM",
	"accents": "üser@exämple.com", "Chinese": "用户@例子.广告", "Hebrew": "שלום@example.com", "in parts": "re\u0301sume\u0301@example.com", "emoji": "😀@example.com", "254 characters": longest,
}

var badEmails = map[string]string{
	"255": `"x` + longest + `"`, "header injection": `"a@example.com\r\nBcc: victim@example.com"`, "line feed": `"a\n@example.com"`, "another behind": `"a@example.com\u0000"`, "with a name": `"Jane <a@example.com>"`, "bracketed": `"<a@example.com>"`,
	"two": `"a@example.com, b@example.com"`, "two, semicolon": `"a@example.com;b@example.com"`, "no domain": `"a@"`, "no name": `"@example.com"`, "word": `"nobody"`, "space": `"a b@example.com"`, "quoted space": `"\"a b\"@example.com"`, "comment": `"a@example.com (x)"`,
	"zero width": `"a@exam\u200bple.com"`, "turned around": `"\u202ea@example.com"`, "joiner": `"a\u200d@example.com"`, "line separator": `"a@example.com\u2028x"`, "half a pair": `"a\ud800@example.com"`, "replacement": `"a\ufffd@example.com"`, "empty": `""`,
}

// place is where a text is sent to and read back from.
type place struct {
	field string
	send  func(text string) *apptest.Response // text is JSON
	back  func(r *apptest.Response) string
}

type scene struct {
	s    *apptest.Server
	jane *apptest.Caller
	org  string
}

func newScene(t *testing.T, s *apptest.Server) scene {
	t.Helper()
	jane := s.Person(t, "jane@example.com")
	return scene{s, jane, "/organization/" + string(jane.Organization(t, "Home"))}
}

// names are the places that take a name.
func (c scene) names(t *testing.T) map[string]place {
	t.Helper()
	named := func(path, more string) place {
		return place{"name", func(text string) *apptest.Response { return c.jane.Post(t, path, `{"name":`+text+more+`}`) }, func(r *apptest.Response) string {
			for _, row := range c.jane.Get(t, path).Must(t, 200).List("results") {
				if row := row.(map[string]any); row["id"] == r.Text("id") {
					return row["name"].(string)
				}
			}
			return "nothing"
		}}
	}
	signUp := func(field, record string) place {
		return place{field, func(text string) *apptest.Response {
			return c.jane.Post(t, "/admin/userSignUp", fmt.Sprintf(record, text))
		}, func(*apptest.Response) string {
			in := c.jane.Get(t, "/account").Must(t, 200).Text(field)
			if name := c.jane.Get(t, c.org+"/member").Must(t, 200).Text("results.0.name"); !strings.Contains(name, in) {
				t.Errorf("the list of members says %q, the account %q", name, in)
			}
			return in
		}}
	}
	const rest = `"user_email":"jane@example.com","type_of_use":"WORK","qovery_usage":"x"}`
	return map[string]place{
		"organization": named("/organization", `,"plan":"FREE"`), "project": named(c.org+"/project", ""), "role": named(c.org+"/customRole", ""), "token": named(c.org+"/apiToken", ""),
		"first name": signUp("first_name", `{"first_name":%s,"last_name":"Doe",`+rest), "last name": signUp("last_name", `{"first_name":"Jane","last_name":%s,`+rest),
	}
}

func TestNames(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		c := newScene(t, s)
		for where, p := range c.names(t) {
			for kind, name := range goodNames {
				r := p.send(string(text(t, name)))
				if sound(t, where, r); r.Status >= 300 {
					t.Errorf("%s: %s: %d: %s", where, kind, r.Status, r.Body)
				} else if got := p.back(r); got != name {
					t.Errorf("%s: %s: sent %+q, got back %+q", where, kind, name, got)
				}
			}
			for kind, name := range badNames {
				r := p.send(name)
				sound(t, where, r)
				if r.Status != 400 || r.Text("errors.0.field") != p.field {
					t.Errorf("%s: %s: %d: %s", where, kind, r.Status, r.Body)
				}
			}
			if strings.Contains(where, " name") {
				continue // people may share a name
			}
			for _, names := range alike {
				p.send(string(text(t, names[0])))
				for _, name := range names {
					if r := p.send(string(text(t, name))); r.Status != 409 || r.Text("code") != "name_taken" {
						t.Errorf("%s: %q beside %q: %d: %s", where, name, names[0], r.Status, r.Body)
					}
				}
			}
		}
		s.Verify(t)
	})
}

// emails are the places that take an address.
func (c scene) emails(t *testing.T) map[string]place {
	t.Helper()
	pending := func(*apptest.Response) string {
		list := c.jane.Get(t, c.org+"/inviteMember").Must(t, 200).List("results")
		return list[len(list)-1].(map[string]any)["email"].(string)
	}
	many := func(text string) *apptest.Response {
		r := c.jane.Post(t, c.org+"/inviteMembers", `{"emails":[`+text+`]}`)
		if r.Status != 200 || r.Text("results.0.code") == "" {
			return r
		}
		// An address of many is refused by itself; as if it had been the only one.
		field, _, _ := strings.Cut(r.Text("results.0.detail"), ":")
		status := map[string]int{"invalid_request": 400, "already_invited": 409}[r.Text("results.0.code")]
		return &apptest.Response{Status: status, Request: r.Request, Body: fmt.Appendf(nil, `{"code":%q,"errors":[{"field":%q}]}`, r.Text("results.0.code"), field)}
	}
	return map[string]place{
		"invitation": {"email", func(text string) *apptest.Response {
			return c.jane.Post(t, c.org+"/inviteMember", `{"email":`+text+`}`)
		}, pending},
		"many at once": {"email", many, pending},
		"sign-up record": {"user_email", func(text string) *apptest.Response {
			return c.jane.Post(t, "/admin/userSignUp", `{"first_name":"J","last_name":"D","type_of_use":"WORK","qovery_usage":"x","user_email":`+text+`}`)
		}, func(*apptest.Response) string {
			return c.jane.Get(t, "/admin/userSignUp").Must(t, 200).Text("user_email")
		}},
		"messages": {"communication_email", func(text string) *apptest.Response {
			return c.jane.Put(t, "/account", `{"communication_email":`+text+`}`)
		}, func(*apptest.Response) string {
			return c.jane.Get(t, "/account").Must(t, 200).Text("communication_email")
		}},
	}
}

func TestEmails(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		c := newScene(t, s)
		for n, where := range []string{"invitation", "many at once", "sign-up record", "messages"} {
			if where == "many at once" { // another organization, where nobody is invited yet
				c.org = "/organization/" + string(c.jane.Organization(t, fmt.Sprint("Home ", n)))
			}
			p := c.emails(t)[where]
			for kind, email := range goodEmails {
				s.Clock.Advance(1000) // the last one invited is the last one listed
				if r := p.send(string(text(t, email))); r.Status >= 300 {
					t.Errorf("%s: %s: %d: %s", where, kind, r.Status, r.Body)
				} else if got := p.back(r); got != email {
					t.Errorf("%s: %s: sent %+q, got back %+q", where, kind, email, got)
				}
			}
			for kind, email := range badEmails {
				if r := p.send(email); r.Status != 400 || !slices.Contains([]string{p.field, p.field + "s"}, r.Text("errors.0.field")) {
					t.Errorf("%s: %s: %d: %s", where, kind, r.Status, r.Body)
				}
			}
			if n > 1 {
				continue // the caller's own, which is in nobody's way
			}
			for _, same := range []string{"PLAIN@example.com", "ｐｌａｉｎ@example.com", "plain@EXAMPLE.com", "JANE@example.com", "r\u00e9sum\u00e9@example.com", "ÜSER@EXÄMPLE.com", "plain+NEWS@example.com"} {
				if r := p.send(string(text(t, same))); r.Status != 409 || r.Text("code") != "already_invited" {
					t.Errorf("%s: %q is invited already: %d: %s", where, same, r.Status, r.Body)
				}
			}
		}
		s.Verify(t)
	})
}

// TestInvitedByManyNames: whoever has an account with an address that is the same but
// for its looks can accept.
func TestInvitedByManyNames(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		c := newScene(t, s)
		for invited, account := range map[string]string{"Ｂｏｂ@Example.com": "bob@example.com", "re\u0301my@example.com": "RÉMY@example.com", "bob+work@example.com": "Bob+Work@example.com", longest: strings.ToUpper(longest)} {
			r := c.jane.Post(t, c.org+"/inviteMember", map[string]any{"email": invited}).Must(t, 201)
			bob := s.Person(t, account)
			bob.Post(t, c.org+"/inviteMember/"+r.Text("id"), nil).Must(t, 201)
			bob.Get(t, c.org).Must(t, 200)
		}
		other := c.jane.Post(t, c.org+"/inviteMember", map[string]any{"email": "joe+work@example.com"}).Must(t, 201)
		s.Person(t, "joe@example.com").Post(t, c.org+"/inviteMember/"+other.Text("id"), nil).Refused(t, 403, "wrong_account") // a tag makes another address
		if members := c.jane.Get(t, c.org+"/member").Must(t, 200); len(members.List("results")) != 5 || members.Text("results.0.id") != string(c.jane.ID) {
			t.Errorf("the members: %s", members.Body)
		}
	})
}

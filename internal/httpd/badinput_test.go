package httpd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// nasty are texts that have broken other servers.
var nasty = []string{
	"'; DROP TABLE organization; --", `" OR ""="`, "1) UNION SELECT token_hash FROM api_token --", "$1", "%s%n", "{{.}}", "${jndi:ldap://x}",
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "../../etc/passwd", "a\r\nSet-Cookie: x=1",
	"", " ", "null", "true", "-1", "1e309", "NaN", "\u202egnp.exe", "\u200b", "\ufeff", "😀", "e\u0301", strings.Repeat("x", 5000), strings.Repeat("ﷺ", 300),
}

// a request is bad in one way; any is for those that may also be served.
type bad struct {
	name   string
	body   []byte
	status int // 0: any refusal of the caller; -1: a refusal or a success
	header [2]string
}

// exercise sends a request and says whether the answer is sound and, where it is a
// refusal, whether it left a trace.
func exercise(t *testing.T, s *apptest.Server, c *apptest.Caller, op route.Operation, what, path string, b bad) *apptest.Response {
	t.Helper()
	if b.header[0] != "" {
		c = c.With(b.header[0], b.header[1])
	}
	what = op.ID + ", " + what
	before := events(t, s)
	r := inside(s, c, op.Method, path, b.body)
	sound(t, what, r)
	switch {
	case b.status > 0 && r.Status != b.status:
		t.Errorf("%s: %d, want %d: %.300s", what, r.Status, b.status, r.Body)
	case b.status == 0 && (r.Status < 400 || r.Status > 499):
		t.Errorf("%s: %d, want a refusal: %.300s", what, r.Status, r.Body)
	case r.Status >= 300 && r.Status < 400 && r.Status != 304:
		t.Errorf("%s: %d, a redirection to %s", what, r.Status, r.Header.Get("Location"))
	}
	if after := events(t, s); r.Status >= 400 && after != before {
		t.Errorf("%s: refused with %d, and %d events were written", what, r.Status, after-before)
	}
	return r
}

// TestBadBodies: what is no body of the operation is a 4xx in our words, and leaves no trace.
func TestBadBodies(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		ops := 0
		for _, op := range s.HTTP.Table() {
			described := schema(t, op)
			if described == nil {
				continue
			}
			ops++
			*w.owner = *s.Again(t, w.owner) // hours pass below
			path := fill(t, op, w.values(t, op, authz.Development))
			again := func(r *apptest.Response) {
				if r.Status < 300 && op.Permission == authz.OrganizationTransfer { // served, and it is somebody else's now
					w.renew(t)
					path = fill(t, op, w.values(t, op, authz.Development))
				}
				if r.Status < 300 && op.ID == "restoreDeleted" { // it is not deleted any more
					path = fill(t, op, w.values(t, op, authz.Development))
				}
			}
			for _, b := range bodies(t, op, w.body(t, op, true)) {
				s.Clock.Advance(time.Second) // more tries to sign in
				again(exercise(t, s, w.caller(t, op), op, b.name, path, b))
			}
			// Each field with what it does not take, and with texts that it may take. The
			// kinds of things share their code, and an edit's rules are its creation's.
			names := slices.Sorted(maps.Keys(described.Properties))
			if op.IDs != nil {
				names = nil
			}
			for _, field := range names {
				kind := described.Properties[field].Value
				for _, value := range wrong(kind) {
					body := w.body(t, op, true).(map[string]any)
					body[field] = value
					s.Clock.Advance(time.Minute)
					again(exercise(t, s, w.caller(t, op), op, fmt.Sprintf("%s is %.40q", field, fmt.Sprint(value)), path, bad{body: text(t, body), status: -1}))
				}
			}
			// Served still, after all that.
			body := w.body(t, op, true)
			r := inside(s, w.caller(t, op), op.Method, path, text(t, body))
			if r.Status != op.Status {
				t.Errorf("%s: a good body gets %d: %s", op.ID, r.Status, r.Body)
			}
			again(r)
		}
		if ops < 5 {
			t.Errorf("only %d operations take a body", ops)
		}
		s.Verify(t)
		if log := s.Log.String(); strings.Contains(log, `"msg":"panic"`) {
			t.Error("something panicked")
		}
	})
}

// wrong gives values for a field: of other types, and the texts above.
func wrong(s *openapi3.Schema) []any {
	values := []any{nil, true, 0, -1, 1.5, json.Number("1e400"), json.Number("99999999999999999999999999"), []any{}, []any{nil}, map[string]any{}, map[string]any{"a": []any{1}}}
	for _, text := range nasty {
		if s.Type.Is("array") {
			values = append(values, []any{text})
		} else {
			values = append(values, text)
		}
	}
	return values
}

func text(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bodies are whole bodies that are wrong, made of a good one.
func bodies(t *testing.T, op route.Operation, good any) []bad {
	t.Helper()
	whole := text(t, good)
	first := slices.Sorted(maps.Keys(good.(map[string]any)))[0]
	inner := string(whole[1 : len(whole)-1])
	with := func(more string) []byte { return []byte("{" + inner + "," + more + "}") }
	list := []bad{
		{name: "ten megabytes", body: with(`"x":"` + strings.Repeat("x", 10<<20) + `"`), status: 413},
		{name: "one byte too many", body: with(`"x":"` + strings.Repeat("x", route.MaxBody) + `"`), status: 413},
		{name: "10,000 lists deep", body: with(`"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), status: 400},
		{name: "10,000 objects deep", body: with(`"x":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), status: 400},
		{name: "10,000 lists, never closed", body: []byte(strings.Repeat("[", 10_000)), status: 400},
		{name: "NUL as an escape", body: with(`"x":"a\u0000b"`), status: 400},
		{name: "NUL in a key", body: with(`"a\u0000b":1`), status: 400},
		{name: "NUL as it is", body: with("\"x\":\"a\x00b\""), status: 400},
		{name: "invalid UTF-8", body: with("\"x\":\"a\xff\xfeb\""), status: 400},
		{name: "UTF-16", body: []byte("\xff\xfe{\x00}\x00"), status: 400},
		{name: "byte order mark", body: append([]byte("\xef\xbb\xbf"), whole...), status: 400},
		{name: "half a surrogate", body: with(`"x":"\ud800"`), status: 400},
		{name: "a key in two cases", body: with(fmt.Sprintf(`%q:"b"`, strings.ToUpper(first))), status: 400},
		{name: "a key twice", body: with(fmt.Sprintf(`%q:"b"`, first)), status: 400},
		{name: "a key twice below", body: with(`"x":{"a":1,"A":2}`), status: 400},
		{name: "text", body: whole, header: [2]string{"Content-Type", "text/plain"}, status: 415},
		{name: "XML", body: []byte("<a/>"), header: [2]string{"Content-Type", "application/xml"}, status: 415},
		{name: "a form", body: []byte("name=a"), header: [2]string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415},
		{name: "parts", body: []byte("--x--"), header: [2]string{"Content-Type", "multipart/form-data; boundary=x"}, status: 415},
		{name: "YAML", body: []byte("name: a"), header: [2]string{"Content-Type", "application/yaml"}, status: 415},
		{name: "CBOR", body: []byte{0xa0}, header: [2]string{"Content-Type", "application/cbor"}, status: 415},
		{name: "type of nonsense", body: whole, header: [2]string{"Content-Type", ";;/\x7f"}, status: -1},
		{name: "one byte short", body: whole[:len(whole)-1], status: 400},
		{name: "half", body: whole[:len(whole)/2], status: 400},
		{name: "something behind", body: append(slices.Clone(whole), "{}"...), status: 400},
		{name: "empty", body: []byte{}, status: 400},
		{name: "blank", body: []byte(" \n\t"), status: 400},
		{name: "single quotes", body: []byte(`{'name':'a'}`), status: 400},
		{name: "comma at the end", body: []byte("{" + inner + ",}"), status: 400},
		{name: "comment", body: append([]byte("// hello\n"), whole...), status: 400},
		{name: "a number past all", body: with(`"x":1e999999`), status: -1},
		{name: "a long number", body: with(`"x":` + strings.Repeat("9", 10_000)), status: -1},
		{name: "a key of 100,000 characters", body: with(fmt.Sprintf(`%q:1`, strings.Repeat("k", 100_000))), status: -1},
		{name: "many keys", body: with(many(10_000)), status: -1},
		{name: "prototype", body: with(`"__proto__":{"admin":true},"constructor":{}`), status: -1},
	}
	for _, root := range []string{`[]`, `[{}]`, `"text"`, `7`, `null`, `true`, `{"":{}}`} {
		list = append(list, bad{name: "the body is " + root, body: []byte(root), status: 400})
	}
	if !demanding(t, op) {
		list[len(list)-1].status = -1 // every field may be left out
	}
	return list
}

// demanding tells whether a body must have some field.
func demanding(t *testing.T, op route.Operation) bool {
	t.Helper()
	return len(schema(t, op).Required) > 0
}

func many(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":%d`, i, i)
	}
	return strings.Join(keys, ",")
}

// TestBadPaths: an id that is none is a 400 or a 404, one in capitals is the id.
func TestBadPaths(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		for _, op := range s.HTTP.Table() {
			for _, name := range route.PathParameters(op.Path) {
				values := w.values(t, op, authz.Development)
				was := values[name]
				good := was
				if !isID(good) {
					good = id.New[string]() // not of anything, which a region is neither
				}
				for _, value := range append(slices.Clone(nasty), "x", good[:35], good+"0", "{"+good+"}", "urn:uuid:"+good, strings.ReplaceAll(good, "-", ""), strings.Replace(good, "-", "_", 1),
					good+"/", good+"\x00", "\x00", "\xff", good+"\n", " "+good, "..", ".", "%", "*", id.Nil, strings.Repeat("f", 8)+good[8:], id.New[string]()) {
					if value == "" {
						continue // another address
					}
					values[name] = url.PathEscape(value)
					if value == "." || value == ".." {
						values[name] = strings.ReplaceAll(value, ".", "%2e")
					}
					exercise(t, s, w.owner, op, fmt.Sprintf("%s is %.60q", name, value), fill(t, op, values), bad{body: text(t, w.body(t, op, false))})
				}
				if op.Method == "GET" && good == was {
					values[name] = strings.ToUpper(good)
					exercise(t, s, w.owner, op, name+" in capitals", fill(t, op, values), bad{status: op.Status})
				}
			}
		}
		s.Verify(t)
	})
}

// TestBadQueries: whatever stands in the query, the answer is sound.
func TestBadQueries(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		texts := append(slices.Clone(nasty), "a\x00b", "\x00", "\xff\xfe", "a\xffb", "99999999999999999999", "-99999999999999999999", "0", "1000000", "0x10", "1_000", "1.5", "+1", " 1",
			"ZTE", "ZS0x", strings.Repeat("A", 128), id.Nil)
		parameters := 0
		for _, op := range s.HTTP.Table() {
			if op.Method == "DELETE" {
				continue // nothing of theirs is read from the query, and they end what is asked about
			}
			bare, _, _ := strings.Cut(fill(t, op, w.values(t, op, authz.Development)), "?")
			body := func() []byte { return text(t, w.body(t, op, false)) }
			names := []string{"unknown"}
			if op.IDs != nil || op.Permission == authz.CatalogueRead {
				names = nil // these share one way of reading nothing from the query
			}
			for _, p := range described(t, op).Parameters {
				if p.Value.In == "query" {
					names = append(names, p.Value.Name)
					parameters++
				}
			}
			for _, name := range names {
				others := demanded(t, op)
				others.Del(name)
				path := bare + "?"
				if len(others) > 0 {
					path += others.Encode() + "&"
				}
				for _, value := range texts {
					exercise(t, s, w.caller(t, op), op, fmt.Sprintf("?%s=%.60q", name, value), path+url.Values{name: {value}}.Encode(), bad{body: body(), status: -1})
				}
				for _, raw := range []string{name, name + "=", name + "=1&" + name + "=2", name + "=%zz", "%" + name + "=1", name + "[]=1", name + "=a;b=c", "&&=&", strings.Repeat(name+"=1&", 1000)} {
					exercise(t, s, w.caller(t, op), op, fmt.Sprintf("?%.60s", raw), path+raw, bad{body: body(), status: -1})
				}
			}
			if op.Permission == authz.OrganizationTransfer {
				w.renew(t) // it is somebody else's now
			}
			if slices.Contains(names, "pageSize") {
				for _, size := range []string{"0", "-1", "101", "1000000000", "9223372036854775808", "1.5", "x"} {
					exercise(t, s, w.owner, op, "pageSize="+size, bare+"?pageSize="+size, bad{status: 400})
				}
			}
		}
		if parameters == 0 {
			t.Error("no operation has a query parameter")
		}
		s.Verify(t)
	})
}

// TestBadHeaders: what comes in headers ends in the log and in events; it must not break them.
func TestBadHeaders(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		for _, header := range []string{"User-Agent", "X-Request-Id", "Accept", "Accept-Language", "Accept-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "Idempotency-Key", "Cookie", "X-Forwarded-For", "X-HTTP-Method-Override", "Range", "Expect"} {
			for _, value := range append(slices.Clone(nasty), "a\x00b", "\xff", "*", "W/\"1\"", "bytes=0-", "text/html") {
				if header == "Expect" && bytes.ContainsAny([]byte(value), "\r\n") {
					continue
				}
				for _, op := range s.HTTP.Table() {
					if op.ID != "createProject" && op.ID != "getOrganization" && op.ID != "getOrganizationEvents" {
						continue // one that writes, one from memory, one that lists
					}
					path := fill(t, op, w.values(t, op, authz.Development))
					exercise(t, s, w.owner, op, fmt.Sprintf("%s: %.60q", header, value), path, bad{body: text(t, w.body(t, op, false)), status: -1, header: [2]string{header, value}})
				}
			}
		}
		s.Verify(t)
	})
}

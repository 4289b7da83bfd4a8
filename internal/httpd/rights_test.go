package httpd_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
)

var update = flag.Bool("update", false, "write the golden files")

const rightsHeader = `# Who is served what: a row an operation, a column a role. Read it in review.
# yes: served. part: served, narrowed to what the role sees. 403: seen and refused. 404: not seen.
# own: served about what is the caller's own (themselves, an invitation for them), refused about another's.
# Where an answer depends on the mode of the environment, it is given for each.
# Written by go test ./internal/httpd -run TestRights -update
`

// TestRights derives the table of rights from the route table and the decision
// function, holds it against the golden file, and then asks the running server as
// each role.
func TestRights(t *testing.T) {
	var golden []byte
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		var table bytes.Buffer
		columns := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
		fmt.Fprintf(columns, "# operation\tpermission")
		for _, role := range authz.RoleNames {
			fmt.Fprintf(columns, "\t%s", role)
		}
		fmt.Fprintln(columns)
		for _, op := range s.HTTP.Table() {
			fmt.Fprintf(columns, "%s\t%s", op.ID, op.Permission)
			for _, role := range authz.RoleNames {
				fmt.Fprintf(columns, "\t%s", w.cell(t, op, role))
			}
			fmt.Fprintln(columns)
		}
		if err := columns.Flush(); err != nil {
			t.Fatal(err)
		}
		if golden == nil {
			golden = table.Bytes()
		} else if !bytes.Equal(golden, table.Bytes()) {
			t.Error("the two databases give different tables")
		}
		s.Verify(t)
	})
	path := filepath.Join("testdata", "rights.golden")
	got := rightsHeader + string(golden)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	was := map[string]bool{}
	for line := range strings.Lines(string(want)) {
		was[line] = true
	}
	for line := range strings.Lines(got) {
		if !was[line] {
			t.Errorf("new:  %s", line)
		}
		delete(was, line)
	}
	for line := range was {
		t.Errorf("gone: %s", line)
	}
	t.Error("the table of rights is not the golden one: is the change meant? Then write it with -update, and say so in the review")
}

// cell asks the decision function, then the server, in every mode that matters.
func (w *world) cell(t *testing.T, op route.Operation, role authz.RoleName) string {
	t.Helper()
	modes := modesOf(op)
	words := make([]string, len(modes))
	for i, mode := range modes {
		words[i] = w.decided(t, op, role, mode)
	}
	if len(slices.Compact(slices.Clone(words))) == 1 {
		return words[0]
	}
	for i, mode := range modes {
		words[i] = string(mode) + ":" + words[i]
	}
	return strings.Join(words, ",")
}

func (w *world) decided(t *testing.T, op route.Operation, role authz.RoleName, mode authz.Mode) string {
	t.Helper()
	if op.Method != "GET" {
		w.renew(t)
	}
	values := w.values(t, op, mode)
	scope, err := op.Scope(t.Context(), w.s.HTTP.Router(), func(name string) string { return values[name] })
	if err != nil {
		t.Fatalf("%s: the scope of %v: %v", op.ID, values, err)
	}
	word := "yes"
	if scope.Organization != "" {
		rights := w.rights(t, role)
		switch d := authz.Decide(rights, op.Permission, scope); {
		case !d.Visible:
			word = "404"
		case !d.Allowed:
			word = "403"
		case op.Lists != "" && !rights.Allow(op.Lists):
			word = "part"
		}
		if need := sight[op.ID]; need != "" {
			if word = "yes"; !rights.Allow(need) {
				word = "404"
			}
		}
	}
	more, personal := own[op.ID]
	if personal && (more.permission == "" || !authz.Decide(w.rights(t, role), more.permission, authz.Scope{Organization: w.organization, Kind: authz.KindOrganization}).Allowed) {
		return w.onlyOwn(t, op, role, values)
	}
	who := w.people[role]
	if ending[op.ID] { // whoever has no organization to own is as good
		who = w.caller(t, op)
	}
	r := who.Do(t, op.Method, fill(t, op, values), w.body(t, op, false))
	sound(t, fmt.Sprintf("%s as %s", op.ID, role), r)
	served := map[string]int{"yes": op.Status, "part": op.Status, "403": 403, "404": 404}[word]
	if r.Status != served {
		t.Errorf("%s as %s in mode %q: decided %s, and the server answers %d\n%.400s", op.ID, role, mode, word, r.Status, r.Body)
	}
	if r.Status == 403 && (r.Text("code") != "permission_missing" || r.Text("permission") != string(op.Permission)) {
		t.Errorf("%s as %s: the refusal does not name the permission: %s", op.ID, role, r.Body)
	}
	return word
}

// rights are those of a built-in role in the organization.
func (w *world) rights(t *testing.T, role authz.RoleName) authz.Rights {
	t.Helper()
	rights, err := authz.RightsOf(nil, authn.Actor{Kind: authn.Person}, w.organization, role)
	if err != nil {
		t.Fatal(err)
	}
	return rights
}

// own are the operations whose route lets everybody in, for what is their own. About
// another's they need a further permission, or refuse everybody where there is none.
var own = map[string]struct {
	permission authz.Permission
	status     int
	code       string
}{
	"deleteMember":           {authz.MemberManage, 403, "permission_missing"},
	"getMemberInvitation":    {authz.MemberInvite, 404, "not_found"},
	"postAcceptInviteMember": {"", 403, "wrong_account"},
	"declineInviteMember":    {"", 403, "wrong_account"},
	"endMySession":           {"", 404, "not_found"},
	"unlinkMyIdentity":       {"", 404, "not_found"},
	"restoreOrganization":    {"", 404, "not_found"},
}

// onlyOwn asks about another's thing, which must be refused, and about the caller's own.
func (w *world) onlyOwn(t *testing.T, op route.Operation, role authz.RoleName, values map[string]string) string {
	t.Helper()
	want := own[op.ID]
	c, body := w.people[role], w.body(t, op, false)
	r := c.Do(t, op.Method, fill(t, op, values), body)
	sound(t, fmt.Sprintf("%s as %s", op.ID, role), r)
	if r.Status != want.status || r.Text("code") != want.code || (r.Has("permission") && r.Text("permission") != string(want.permission)) {
		t.Errorf("%s as %s, about another's: %d, want %d %s: %s", op.ID, role, r.Status, want.status, want.code, r.Body)
	}
	if _, invited := values["inviteId"]; invited {
		// A member has no invitation into the same organization: the one who has is new.
		w.made++
		c = w.s.Person(t, fmt.Sprintf("invited%d@%s.example", w.made, w.mark))
		values["inviteId"] = w.invite(t, c.Email)
	} else if _, session := values["sessionId"]; session {
		values["sessionId"] = w.session(t, c)
	} else if _, identity := values["identityId"]; identity {
		values["identityId"] = w.identity(t, c)
	} else if _, deleted := values["deletedOrganizationId"]; deleted {
		values["deletedOrganizationId"] = w.deletedOrganization(t, c)
	} else {
		body = map[string]any{"user_id": c.ID}
	}
	if r := c.Do(t, op.Method, fill(t, op, values), body); r.Status != op.Status {
		t.Errorf("%s as %s, about their own: %d: %s", op.ID, role, r.Status, r.Body)
	}
	return "own"
}

// TestTokenRights asks a part of the same as API tokens: a token of the owner with a
// role is served what the role is, whatever its owner may.
func TestTokenRights(t *testing.T) {
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		w := newWorld(t, s, "acme")
		tokens := map[authz.RoleName]*apptest.Caller{}
		for _, role := range authz.RoleNames[1:] {
			tokens[role] = w.owner.Token(t, w.organization, w.fresh("token"), role)
		}
		for _, op := range s.HTTP.Table() {
			if op.Method != "GET" || !strings.Contains(op.Path, "{") {
				continue
			}
			path := fill(t, op, w.values(t, op, authz.Development))
			for role, token := range tokens {
				person, machine := w.people[role].Do(t, op.Method, path, nil), token.Do(t, op.Method, path, nil)
				if person.Status != machine.Status {
					t.Errorf("%s: a %s gets %d, a token with the role %d", op.ID, role, person.Status, machine.Status)
				}
			}
		}
	})
}

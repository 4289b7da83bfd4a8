package access_test

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/access"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// patient keeps people signed in while the clock moves.
var patient = apptest.Options{Settings: func(c *config.Server) { c.AccessTokenLife = 24 * time.Hour }}

func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return "since=" + url.QueryEscape(at.Format(time.RFC3339Nano))
}

type shifts struct {
	People, Tokens int
	LeftOut        int `json:"left_out"`
	Rows           []access.Shift
}

func changes(t *testing.T, c *apptest.Caller, org string, at time.Time) (report shifts) {
	t.Helper()
	if err := json.Unmarshal(c.Get(t, org+"/access/changes?"+since(at)).Must(t, 200).Body, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// told says which questions a report answers with gained, and which with lost.
func (g *realm) told(report shifts) (gained, lost held) {
	gained, lost = held{}, held{}
	for _, row := range report.Rows {
		for _, q := range g.questions {
			if row.Scope == authz.KindOrganization && slices.Contains(row.Except, id.Object(q.scope)) {
				continue
			}
			if row.Scope != authz.KindOrganization && row.ScopeID != q.scope {
				continue
			}
			for _, permission := range row.Permissions {
				name, modes, some := strings.Cut(strings.TrimSuffix(permission, "]"), "[")
				if name != string(q.permission) || (some && !slices.Contains(strings.Fields(modes), string(q.mode))) {
					continue
				}
				into := gained
				if row.Change == "lost" {
					into = lost
				}
				into[fmt.Sprint(q, "|", row.ID)] = true
			}
		}
	}
	return gained, lost
}

// move makes one change at random, also such that go back; what is refused is none.
func (g *realm) move(t *testing.T) {
	t.Helper()
	g.made++
	switch g.r.IntN(8) {
	case 0:
		if gone := g.jane.Get(t, g.path("/deleted")).Must(t, 200).List("results"); len(gone) > 0 {
			g.jane.Post(t, g.path("/deleted/"+gone[g.r.IntN(len(gone))].(map[string]any)["id"].(string)+"/restore"), map[string]any{})
		}
	case 1:
		things := append(g.ids(t, "/customRole"), g.ids(t, "/member")...)
		story := g.path("/history/" + things[g.r.IntN(len(things))])
		if list := g.jane.Get(t, story+"?limit=100").Must(t, 200).List("results"); len(list) > 0 {
			g.jane.Post(t, story+"/revert", map[string]any{"version": list[g.r.IntN(len(list))].(map[string]any)["version"]})
		}
	case 2:
		expires := g.s.Clock.Now().Add(time.Duration(1+g.r.IntN(20)) * time.Second)
		by := append(g.people, g.jane)[g.r.IntN(len(g.people)+1)]
		by.Post(t, g.path("/apiToken"), map[string]any{"name": fmt.Sprint("brief ", g.made), "expires_at": expires, "role_id": authz.RoleID(g.acme, authz.Viewer)})
	case 3:
		if heir := g.people[0]; g.jane.Post(t, g.path("/transferOwnership"), map[string]any{"user_id": heir.ID}).Status < 300 {
			g.jane, g.people[0] = heir, g.jane
		}
	default:
		by, method, path, body := g.change(t)
		by.Do(t, method, path, body)
	}
}

// TestChangesAreWhatChanged: after random changes, the report since each moment says of
// every question what became of its answer, and nothing else. GUILDHALL_CHANGES makes
// more of them.
func TestChangesAreWhatChanged(t *testing.T) {
	steps, _ := strconv.Atoi(cmp.Or(os.Getenv("GUILDHALL_CHANGES"), "40"))
	apptest.EachWith(t, patient, func(t *testing.T, s *apptest.Server) {
		g := newRealm(t, s, uint64(time.Now().UnixNano())%1_000_000)
		t.Logf("seed %s", g.jane.Email)
		type moment struct {
			at  time.Time
			was held
		}
		var moments []moment
		gains, losses := 0, 0
		for n := range steps {
			if n%3 == 0 {
				moments = append(moments, moment{s.Clock.Now(), g.access(t)})
				s.Clock.Advance(time.Second)
			}
			g.move(t)
			s.Clock.Advance(time.Second)
			if n%8 != 7 && n != steps-1 {
				continue
			}
			is := g.access(t)
			for i, m := range moments {
				report := changes(t, g.jane, g.path(""), m.at)
				gained, lost := g.told(report)
				wantGained, wantLost := maps.Clone(is), maps.Clone(m.was)
				maps.DeleteFunc(wantGained, func(key string, _ bool) bool { return m.was[key] })
				maps.DeleteFunc(wantLost, func(key string, _ bool) bool { return is[key] })
				if !maps.Equal(gained, wantGained) || !maps.Equal(lost, wantLost) {
					t.Fatalf("after change %d, since moment %d: gained %v\nwant %v\nlost %v\nwant %v\n%+v", n, i, gained, wantGained, lost, wantLost, report)
				}
				gains, losses = gains+len(gained), losses+len(lost)
			}
		}
		if gains == 0 || losses == 0 {
			t.Errorf("%d gains and %d losses: too few to say anything", gains, losses)
		}
		s.Verify(t)
	})
}

func TestChanges(t *testing.T) {
	apptest.EachWith(t, patient, func(t *testing.T, s *apptest.Server) {
		jane, eve := s.Person(t, "=jane@example.com"), s.Person(t, "eve@example.com")
		s.Clock.Advance(time.Hour)
		acme, evil := jane.Organization(t, "Acme"), eve.Organization(t, "Evil")
		org := "/organization/" + string(acme)
		begun := s.Clock.Now()
		s.Clock.Advance(time.Hour)
		shop, gone := jane.Project(t, acme, "=shop"), jane.Project(t, acme, "gone")
		role := customRole(t, jane, org, "Deployers", string(shop), "STAGING")
		other := customRole(t, jane, org, "Others", string(gone), "STAGING")
		bob := s.Member(t, acme, "bob@example.com", authz.RoleName(role))
		s.Member(t, acme, "dan@example.com", authz.RoleName(other))
		ann := s.Member(t, acme, "ann@example.com", authz.Admin)
		ann.Token(t, acme, "anns", authz.Viewer)
		jane.Post(t, org+"/apiToken", map[string]any{"name": "brief", "expires_at": s.Clock.Now().Add(time.Hour)}).Must(t, 201)
		start := s.Clock.Now()
		s.Clock.Advance(2 * time.Hour)

		// Since the beginning everybody who is there came.
		r := changes(t, jane, org, begun)
		if r.People != 3 || r.Tokens != 1 {
			t.Errorf("since the beginning: %+v", r)
		}
		jane.Delete(t, "/project/"+string(gone)).Must(t, 204)
		jane.Do(t, "DELETE", org+"/member", map[string]any{"user_id": ann.ID}).Must(t, 204)
		jane.Put(t, org+"/customRole/"+role, map[string]any{"name": "=Testers", "cluster_permissions": []any{}, "project_permissions": []any{}}).Must(t, 200)
		jane.Put(t, org+"/customRole/"+other, map[string]any{"name": "Others", "cluster_permissions": []any{}, "project_permissions": []any{}}).Must(t, 200)
		r = changes(t, jane, org, start)
		lines := []string{}
		for _, x := range r.Rows {
			lines = append(lines, fmt.Sprint(x.Name, " ", x.Change, " ", x.Everything, " ", x.RolesBefore, x.RolesAfter, " ", x.ScopeName, " ", len(x.Permissions) > 0))
		}
		want := []string{
			"ann@example.com lost true [ADMIN] [] Acme true", "bob@example.com lost false [Deployers] [=Testers] =shop true",
			"anns lost true [ADMIN VIEWER] [] Acme true", "brief lost true [OWNER ADMIN] [] Acme true",
		}
		if !slices.Equal(lines, want) || r.People != 2 || r.Tokens != 2 || r.LeftOut != 0 {
			t.Errorf("%+v\n%q", r, lines)
		}
		if r := changes(t, jane, org, s.Clock.Now()); len(r.Rows) != 0 {
			t.Errorf("since now: %+v", r)
		}
		answer := jane.Get(t, org+"/access/changes?format=csv&"+since(start)).Must(t, 200)
		rows, err := csv.NewReader(strings.NewReader(string(answer.Body))).ReadAll()
		if err != nil || len(rows) != 5 || rows[2][6] != "'=Testers" || rows[2][9] != "'=shop" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/csv") {
			t.Errorf("%v, %s: %s", err, answer.Header, answer.Body)
		}

		// While it was deleted, nobody held anything.
		jane.Delete(t, org).Must(t, 204)
		deleted := s.Clock.Now()
		s.Clock.Advance(time.Hour)
		jane.Post(t, "/account/deletedOrganizations/"+string(acme)+"/restore", nil).Must(t, 200)
		if r := changes(t, jane, org, deleted); r.People != 3 || r.Tokens != 0 || !r.Rows[0].Everything || r.Rows[0].Change != "gained" {
			t.Errorf("since it was deleted: %+v", r)
		}
		if r := changes(t, jane, org, start); len(r.Rows) != 4 {
			t.Errorf("deleted and restored: %+v", r)
		}

		// Whose address changed meanwhile, or who was erased, is still one person.
		ann.Do(t, "DELETE", "/account", map[string]any{"password": apptest.Password, "erase": true}).Must(t, 204)
		if r := changes(t, jane, org, start); r.People != 2 || r.Tokens != 2 {
			t.Errorf("with an erased person: %+v", r)
		}

		for _, x := range []struct{ query, says string }{
			{"since=yesterday", "since"}, {since(begun.Add(-time.Second)), "when the organization was made"},
			{since(s.Clock.Now().Add(time.Second)), "in the future"}, {since(start) + "&format=xml", "format"},
		} {
			r := jane.Get(t, org+"/access/changes?"+x.query)
			if r.Refused(t, 400, "invalid_request"); !strings.Contains(string(r.Body), x.says) {
				t.Errorf("%s: %s", x.query, r.Body)
			}
		}
		bob.Get(t, org+"/access/changes?"+since(start)).Refused(t, 403, "permission_missing")
		eve.Get(t, org+"/access/changes?"+since(start)).Refused(t, 404, "not_found")
		theirs := changes(t, eve, "/organization/"+string(evil), begun)
		if theirs.People != 0 || theirs.Tokens != 0 {
			t.Errorf("another organization's: %+v", theirs)
		}
		if e := jane.Get(t, org+"/events?pageSize=1"); !strings.Contains(string(e.Body), "changes_since") {
			t.Errorf("not recorded: %s", e.Body)
		}
		s.Clock.Advance(3650 * 24 * time.Hour)
		if r := changes(t, s.Again(t, jane), org, time.Time{}); r.People+r.Tokens != 0 { // as far back as the plan shows
			t.Errorf("%+v", r)
		}
		r2 := s.Again(t, jane).Get(t, org+"/access/changes?"+since(start))
		if r2.Refused(t, 400, "invalid_request"); !strings.Contains(string(r2.Body), "the plan shows no more") {
			t.Errorf("%s", r2.Body)
		}
		s.Verify(t)
	})
}

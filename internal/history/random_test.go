package history_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
)

// walk makes random changes in an organization and remembers what the API showed.
type walk struct {
	*place
	rand     *rand.Rand
	projects []string
	roles    []string
	people   []*apptest.Caller
	tokens   []string
	n        int
}

func one[T any](w *walk, list []T) T { return list[w.rand.IntN(len(list))] }

// change makes one change; what is refused is none.
func (w *walk) change(t *testing.T) {
	t.Helper()
	w.n++
	name := fmt.Sprintf("thing %d", w.rand.IntN(12)) // few, so that names clash
	fresh := fmt.Sprintf("new %d", w.n)
	grants := []authz.ProjectLevel{authz.NoAccess, authz.ProjectViewer, authz.Deployer, authz.Manager}
	switch w.rand.IntN(14) {
	case 0:
		w.projects = append(w.projects, string(w.owner.Project(t, w.organization, fresh)))
	case 1:
		w.roles = append(w.roles, w.role(t, fresh))
	case 2:
		w.tokens = append(w.tokens, string(w.owner.Token(t, w.organization, fresh, one(w, []authz.RoleName{authz.Viewer, authz.Admin})).TokenID))
	case 3:
		w.owner.Put(t, "/project/"+one(w, w.projects), map[string]any{"name": name, "description": fresh})
	case 4:
		level := map[string]any{"project_id": one(w, w.projects), "permissions": []any{map[string]any{"environment_type": "STAGING", "permission": one(w, grants)}}}
		w.owner.Put(t, w.path("/customRole/"+one(w, w.roles)), map[string]any{"name": name, "description": fresh, "cluster_permissions": []any{}, "project_permissions": []any{level}})
	case 5:
		w.owner.Put(t, w.path(""), map[string]any{"name": "acme " + name, "description": fresh})
	case 6, 7:
		roles := []string{one(w, w.roles), string(authz.RoleID(w.organization, authz.Viewer)), string(authz.RoleID(w.organization, authz.Developer))}
		w.owner.Put(t, w.path("/member"), map[string]any{"user_id": one(w, w.people).ID, "role_id": one(w, roles)})
	case 8:
		w.owner.Do(t, "DELETE", w.path("/member"), map[string]any{"user_id": one(w, w.people).ID})
	case 9:
		w.owner.Delete(t, "/project/"+one(w, w.projects))
	case 10:
		w.owner.Delete(t, w.path("/customRole/"+one(w, w.roles)))
	case 11:
		w.owner.Delete(t, w.path("/apiToken/"+one(w, w.tokens)))
	case 12:
		if gone := w.gone(t, w.owner); len(gone) > 0 {
			w.restore(t, w.owner, one(w, gone), "")
		}
	case 13:
		thing := one(w, w.things())
		if list := w.owner.Get(t, w.story(thing)+"?limit=100").Must(t, 200).List("results"); len(list) > 0 {
			w.owner.Post(t, w.story(thing)+"/revert", map[string]any{"version": one(w, list).(map[string]any)["version"]})
		}
	}
}

func (w *walk) things() []string {
	things := []string{string(w.organization)}
	for _, c := range w.people {
		things = append(things, string(c.ID))
	}
	for _, list := range [][]string{w.projects, w.roles, w.tokens} {
		things = append(things, list...)
	}
	return things
}

// now is what the API shows of each thing, less what is derived; what it does not show is left out.
func (w *walk) now(t *testing.T) map[string]any {
	t.Helper()
	shown := map[string]any{}
	row := func(path string, drop ...string) {
		r := w.owner.Get(t, path)
		if r.Status == 200 {
			shown[r.Text("id")] = without(whole(t, r).(map[string]any), drop...)
		}
	}
	row(w.path(""), "owner", "organization_plan")
	for _, project := range w.projects {
		row("/project/"+project, "associated_environments_count")
	}
	for _, role := range w.roles {
		row(w.path("/customRole/" + role))
		if r, ok := shown[role].(map[string]any); ok {
			r["project_permissions"] = levels(r["project_permissions"])
		}
	}
	for _, v := range w.owner.Get(t, w.path("/apiToken")).Must(t, 200).List("results") {
		token := v.(map[string]any)
		strip(token)
		shown[token["id"].(string)] = without(token, "active", "last_used_at", "role_name")
	}
	for _, v := range w.owner.Get(t, w.path("/member")).Must(t, 200).List("results") {
		m := v.(map[string]any)
		shown[m["id"].(string)] = map[string]any{"email": m["email"], "role_id": m["role_id"]}
	}
	return shown
}

func without(fields map[string]any, names ...string) map[string]any {
	for _, name := range names {
		delete(fields, name)
	}
	return fields
}

// levels keeps the rows of a role's projects that are above the lowest, by project, without their names.
func levels(rows any) any {
	kept := map[string]any{}
	for _, row := range rows.([]any) {
		row := row.(map[string]any)
		for _, p := range row["permissions"].([]any) {
			if p.(map[string]any)["permission"] != string(authz.NoAccess) {
				kept[row["project_id"].(string)] = without(row, "project_name")
			}
		}
	}
	return kept
}

// TestViewIsWhatWasShown: after random changes, restores and reverts the view at each
// moment is what the API showed then. GUILDHALL_CHANGES makes more of them.
func TestViewIsWhatWasShown(t *testing.T) {
	changes := 60
	if n, err := strconv.Atoi(os.Getenv("GUILDHALL_CHANGES")); err == nil {
		changes = n
	}
	roomy := apptest.Options{Settings: func(c *config.Server) { c.AccessTokenLife = 24 * time.Hour }}
	apptest.EachWith(t, roomy, func(t *testing.T, s *apptest.Server) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		w := &walk{place: newPlace(t, s, "acme"), rand: rand.New(rand.NewPCG(seed, 1))}
		w.projects = []string{string(w.owner.Project(t, w.organization, "Web"))}
		w.roles = []string{w.role(t, "Testers")}
		w.tokens = []string{string(w.owner.Token(t, w.organization, "ci", authz.Viewer).TokenID)}
		for n := range 2 {
			w.people = append(w.people, s.Member(t, w.organization, fmt.Sprintf("p%d@acme.example", n), authz.Viewer))
		}
		w.people = append(w.people, w.owner, w.admin)
		type moment struct {
			at    time.Time
			shown map[string]any
		}
		var moments []moment
		for range changes {
			w.change(t)
			moments = append(moments, moment{s.Clock.Now(), w.now(t)})
			s.Clock.Advance(time.Second)
		}
		things := w.things()
		for i, m := range moments {
			if i%3 != w.rand.IntN(3) && changes <= 100 {
				continue
			}
			for _, thing := range things {
				r := w.owner.Get(t, w.story(thing)+"/at?time="+url.QueryEscape(m.at.Format(time.RFC3339Nano))).Must(t, 200)
				want, there := m.shown[thing]
				got, _ := r.Value("state").(map[string]any)
				strip(got)
				switch {
				case got["project_permissions"] != nil:
					got["project_permissions"] = ofThere(levels(got["project_permissions"]), m.shown)
				case got != nil:
					delete(got, "role_name")
				}
				if (got != nil) != there || (there && !reflect.DeepEqual(any(got), want)) {
					text, _ := json.Marshal(want)
					t.Errorf("after change %d, %s\n got %s\nwant %s", i+1, r.Request, r.Body, text)
				}
			}
		}
		s.Verify(t)
	})
}

// ofThere leaves out levels in projects that were deleted then: the API does not list them.
func ofThere(rows any, shown map[string]any) any {
	for project := range rows.(map[string]any) {
		if shown[project] == nil {
			delete(rows.(map[string]any), project)
		}
	}
	return rows
}

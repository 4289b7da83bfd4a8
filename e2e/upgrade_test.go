package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// past brings the database of a past version to a new place.
func past(t *testing.T, version, engine string) (place, fixture) {
	t.Helper()
	dir := filepath.Join(fixtures, version)
	var f fixture
	text, err := os.ReadFile(filepath.Join(dir, "holds.json"))
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, engine)
	bring(t, filepath.Join(dir, engine+".key"), p.key())
	if engine == "sqlite" {
		bring(t, filepath.Join(dir, "guildhall.db"), p.sqlite())
		return p, f
	}
	text, err = os.ReadFile(filepath.Join(dir, "postgres.sql"))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Shared(t).Load(t, p.url, string(text))
	return p, f
}

func bring(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// versions are those of which databases are kept.
func versions(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(fixtures, "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no databases of past versions in %s: %v", fixtures, err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

// TestUpgrade starts this build on the database of every version that is kept: it
// copies it, migrates it, and everything is there, opens and verifies.
func TestUpgrade(t *testing.T) {
	for _, version := range versions(t) {
		for _, engine := range engines {
			t.Run(version+"/"+engine, func(t *testing.T) {
				t.Parallel()
				p, f := past(t, version, engine)
				if store.SchemaVersion() > f.Schema {
					f.beforeMigration(t, p)
				}
				s := p.serve(t)
				if store.SchemaVersion() > f.Schema {
					f.backedUp(t, p)
				}
				f.holds(t, p, client{url: s.URL, credential: f.Tokens[engine]})
				finish(t, s)
				p.must(t, "keys", "rotate", "--json") // what the old key sealed then, a new one opens now
				s = p.serve(t)
				f.holds(t, p, client{url: s.URL, credential: f.Tokens[engine]})
				finish(t, s)
				p.must(t, "audit", "verify")
			})
		}
	}
}

// beforeMigration: looking changes nothing, and commands do not migrate by the way.
func (f fixture) beforeMigration(t *testing.T, p place) {
	t.Helper()
	want := fmt.Sprintf("would be migrated from %d to %d; nothing was changed:\n  0003_", f.Schema, store.SchemaVersion())
	for range 2 {
		if o := p.must(t, "migrate", "--dry-run"); !strings.Contains(o.out, want) {
			t.Errorf("migrate --dry-run: %s", o.out)
		}
	}
	if o := p.run(t, "admin", "access-token", "--email=jane@example.com"); o.code != 1 || !strings.Contains(o.err, "run guildhall migrate") {
		t.Errorf("a command on the old schema: %+v", o)
	}
}

// backedUp: there is one backup from before, with the old schema, and it is good.
func (f fixture) backedUp(t *testing.T, p place) {
	t.Helper()
	made, err := filepath.Glob(filepath.Join(p.data(), "backups", "before-schema-*.backup"))
	if err != nil || len(made) != 1 {
		t.Fatalf("backups before the migration: %v, %v", made, err)
	}
	o := p.must(t, "backup", "verify", made[0], "--json")
	var v struct {
		Schema int64 `json:"schema"`
		Events int   `json:"events"`
	}
	if err := json.Unmarshal([]byte(o.out), &v); err != nil || v.Schema != f.Schema || v.Events != f.Events[f.engine(p)] {
		t.Errorf("the backup from before holds %s (%v)", o.out, err)
	}
}

func (fixture) engine(p place) string {
	if p.url != "" {
		return "postgres"
	}
	return "sqlite"
}

// holds looks for what the old version left.
func (f fixture) holds(t *testing.T, p place, robot client) {
	t.Helper()
	list := robot.do(t, 200, "GET", "/organization", nil)
	var answer struct{ Results []struct{ ID, Name string } }
	if err := json.Unmarshal(list.body, &answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Name != f.Organization {
		t.Fatalf("organizations: %s", list.body)
	}
	for path, name := range f.Names {
		if r := robot.do(t, 200, "GET", "/organization/"+answer.Results[0].ID+path, nil); !strings.Contains(string(r.body), `"`+name+`"`) {
			t.Errorf("%s does not name %s: %s", path, name, r.body)
		}
	}
	signedIn := client{url: robot.url}.do(t, 200, "POST", "/auth/sign-in", map[string]string{"email": "jane@example.com", "password": password})
	robot.credential = signedIn.text("access_token")
	robot.do(t, 200, "GET", "/account", nil)
	o := p.must(t, "audit", "verify", "--json")
	if !strings.HasPrefix(o.out, `{"ok":true,`) {
		t.Errorf("the chains: %s", o.out)
	}
}

// TestMigrate does the same by command, without a server.
func TestMigrate(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p, f := past(t, versions(t)[0], engine)
			o := p.must(t, "migrate", "--backup-dir="+filepath.Join(p.home, "kept"))
			made, err := filepath.Glob(filepath.Join(p.home, "kept", "*.backup"))
			if err != nil || len(made) != 1 || !strings.Contains(o.out, fmt.Sprintf("The schema was migrated from %d to %d:\n  0003_", f.Schema, store.SchemaVersion())) ||
				!strings.Contains(o.out, "A backup from before is in "+made[0]) {
				t.Errorf("migrate: %s, %v", o.out, made)
			}
			p.must(t, "audit", "verify")
			if o := p.must(t, "migrate"); !strings.Contains(o.out, "nothing to do") {
				t.Errorf("migrate again: %s", o.out)
			}
			p.must(t, "admin", "access-token", "--email=jane@example.com")
		})
	}
}

// TestNoBackupNoMigration: where the backup cannot be made nothing is migrated,
// unless the operator says so.
func TestNoBackupNoMigration(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p, f := past(t, versions(t)[0], engine)
			occupied := filepath.Join(p.home, "occupied")
			bring(t, p.key(), occupied) // a file where the directory should be
			for _, command := range []string{"serve", "migrate"} {
				o := p.run(t, command, "--backup-dir="+occupied)
				if o.code != 1 || !strings.Contains(o.err, "--no-backup-before-migration") {
					t.Errorf("%s: %+v", command, o)
				}
			}
			if o := p.must(t, "migrate", "--dry-run"); !strings.Contains(o.out, fmt.Sprint("would be migrated from ", f.Schema)) {
				t.Errorf("it was migrated all the same: %s", o.out)
			}
			p.must(t, "migrate", "--no-backup-before-migration", "--backup-dir="+occupied)
		})
	}
}

package e2e_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

var makeFixture = flag.String("make-fixture", "", "version under which this build's databases are kept for the builds to come")

const fixtures = "testdata/fixtures"

// fixture says what the databases of a past version hold. The key and the tokens
// open nothing else.
type fixture struct {
	Schema       int64             `json:"schema"`
	Organization string            `json:"organization"`
	Deleted      string            `json:"deleted"`
	Names        map[string]string `json:"names"`  // path of an answer -> a name in it
	Tokens       map[string]string `json:"tokens"` // engine -> an API token of the organization
	Events       map[string]int    `json:"events"` // engine -> how many there are
}

// TestMakeFixture leaves databases of this build, both of them, for later ones to
// migrate (docs/guide/upgrade.md says when):
//
//	go test ./e2e -run TestMakeFixture -make-fixture 0.1
func TestMakeFixture(t *testing.T) {
	if *makeFixture == "" {
		t.Skip("only with -make-fixture VERSION")
	}
	dir := filepath.Join(fixtures, *makeFixture)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := fixture{Names: map[string]string{}, Tokens: map[string]string{}, Events: map[string]int{}}
	for _, engine := range engines {
		p := newPlace(t, engine)
		f.live(t, p, engine)
		key, err := os.ReadFile(p.key())
		if err != nil {
			t.Fatal(err)
		}
		keep(t, filepath.Join(dir, engine+".key"), key)
		if engine == "postgres" {
			keep(t, filepath.Join(dir, "postgres.sql"), loadable(storetest.Shared(t).Dump(t, p.url)))
			continue
		}
		file := filepath.Join(dir, "guildhall.db")
		_ = os.Remove(file) // the one before, if any
		db, err := sql.Open("sqlite", "file:"+p.sqlite())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("VACUUM INTO $1", file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	keep(t, filepath.Join(dir, "holds.json"), append(text, '\n'))
}

func keep(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

var notSQL = regexp.MustCompile(`(?m)^(\\|--|ALTER TABLE .* OWNER TO |$).*\n`)

// loadable takes out of a dump what only psql understands.
func loadable(dump string) []byte { return notSQL.ReplaceAll([]byte(dump), nil) }

// live fills a database with some of everything.
func (f *fixture) live(t *testing.T, p place, engine string) {
	t.Helper()
	made := p.bootstrap(t, "jane@example.com", "Acme")
	joe := fields(t, p.must(t, "admin", "user", "create", "--json", "--email=joe@example.com", "--password="+password).out)
	s := p.serve(t)
	jane, robot := client{url: s.URL, credential: made["access_token"]}, client{url: s.URL, credential: made["api_token"]}
	acme := "/organization/" + made["organization_id"]
	f.Organization, f.Tokens[engine] = "Acme", made["api_token"]
	for n := range 3 {
		name := fmt.Sprint("Project ", n)
		jane.headers = map[string]string{"Idempotency-Key": name}
		jane.do(t, 200, "POST", acme+"/project", map[string]string{"name": name})
	}
	jane.headers = nil
	gone := robot.do(t, 200, "POST", acme+"/project", map[string]string{"name": "Gone"})
	robot.do(t, 204, "DELETE", "/project/"+gone.text("id"), nil)
	robot.do(t, 201, "POST", acme+"/apiToken", map[string]string{"name": "robot two"})
	jane.do(t, 201, "POST", acme+"/customRole", map[string]string{"name": "Deployers", "description": "They deploy"})
	invited := jane.do(t, 201, "POST", acme+"/inviteMember", map[string]string{"email": "joe@example.com", "role": "DEVELOPER"})
	client{url: s.URL, credential: joe["access_token"]}.do(t, 201, "POST", acme+"/inviteMember/"+invited.text("id"), nil)
	jane.do(t, 201, "POST", acme+"/inviteMember", map[string]string{"email": "jim@example.com", "role": "VIEWER"})
	f.Deleted = "Old Works"
	old := jane.do(t, 201, "POST", "/organization", map[string]string{"name": f.Deleted, "plan": "FREE"})
	jane.do(t, 204, "DELETE", "/organization/"+old.text("id"), nil)
	finish(t, s)
	for path, name := range map[string]string{
		"/project": "Project 2", "/apiToken": "robot two", "/customRole": "Deployers", "/member": "joe@example.com", "/inviteMember": "jim@example.com",
	} {
		f.Names[path] = name
	}
	k := p.count(t)
	f.Schema, f.Events[engine] = store.SchemaVersion(), k
}

// count is the number of all events.
func (p place) count(t *testing.T) int {
	t.Helper()
	db, err := store.Open(context.Background(), store.Options{Path: p.sqlite(), URL: p.url, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n, err := store.Value[int](db.Reader(context.Background()), `SELECT COUNT(*) FROM event`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

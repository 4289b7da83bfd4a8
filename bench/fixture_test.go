package bench_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// size says how much a server holds before it is measured.
type size struct {
	owners   int // who own the organizations that are read, a few each
	creators int // who create organizations in turn, a few each
	many     int // organizations that every cache holds together
	cold     int // organizations that no cache holds together
	invited  int // invitations that wait to be accepted
	events   int // of one organization
}

var (
	// measured: authz keeps the rights of 50,000 members, organization 8,192 documents;
	// reading more than that round and round always misses. authn remembers 8,192 tokens.
	measured = size{owners: 3000, creators: 5000, many: 4000, cold: 60_000, invited: 20_000, events: 1_000_000}
	tiny     = size{owners: 5, creators: 5, many: 10, cold: 20, invited: 50, events: 2000}
)

var engines = []string{"sqlite", "postgres"}

// person is an account with an access token that the server has seen.
type person struct {
	id    id.User
	email string
	token string
}

// owned is an organization with its owner.
type owned struct {
	id    id.Organization
	owner person
}

// server is a Guildhall as it runs in production, with a bare database beside it
// that has the same schema.
type server struct {
	*app.App
	engine  string
	address string
	hot     owned
	many    []owned
	cold    []owned
	answer  *http.Response // to reading hot
	body    []byte
	people  []person // who create
	size    size
	invited []invited
	raw     *sql.DB // the server's database
	reads   *sql.DB // the same, for as many readers as the server has
	bare    *sql.DB // an empty one with the same schema

	created, read, sent, accepted atomic.Int64

	stop func() // the server; its database stays
}

// disk is a directory on a real disk: on a RAM disk fsync costs nothing.
func disk(tb testing.TB) string {
	tb.Helper()
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	for _, parent := range []string{os.TempDir(), "."} {
		var s syscall.Statfs_t
		if err := syscall.Statfs(parent, &s); err != nil || s.Type == tmpfs || s.Type == ramfs {
			continue
		}
		dir, err := os.MkdirTemp(parent, "guildhall-bench-")
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { os.RemoveAll(dir) })
		if dir, err = filepath.Abs(dir); err != nil {
			tb.Fatal(err)
		}
		return dir
	}
	tb.Fatal("neither the temporary nor the current directory is on a disk")
	return ""
}

// storages gives a place for the server's database and one for the bare one. In a
// benchmark both databases sync as in production.
func storages(tb testing.TB, engine string) (ours, bare config.Storage) {
	tb.Helper()
	dir := disk(tb)
	_, benchmark := tb.(*testing.B)
	if benchmark {
		results.syncs(tb, dir)
	}
	ours, bare = config.Storage{Data: filepath.Join(dir, "data")}, config.Storage{Data: filepath.Join(dir, "bare")}
	if engine == "postgres" {
		start := storetest.Shared
		if benchmark {
			start = storetest.Durable
		}
		cluster := start(tb)
		ours.DatabaseURL, bare.DatabaseURL = config.Secret(cluster.Empty(tb)), config.Secret(cluster.Empty(tb))
	}
	return ours, bare
}

// open opens a database without the server, with the server's own settings.
func open(tb testing.TB, s config.Storage) *sql.DB {
	tb.Helper()
	driver, source, connections := "pgx", string(s.DatabaseURL), 32
	if s.Embedded() {
		v := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)", "busy_timeout(10000)", "foreign_keys(1)"}}
		driver, source, connections = "sqlite", "file:"+s.DatabaseFile()+"?"+v.Encode(), 1
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	tb.Cleanup(func() { db.Close() })
	return db
}

// start opens and fills a server. It logs as in production, to nowhere.
func start(tb testing.TB, engine string, n size) *server {
	tb.Helper()
	ours, bare := storages(tb, engine)
	settings := config.Defaults()
	settings.Listen, settings.AccessTokenLife, settings.MaxOrganizationsPerUser = "127.0.0.1:0", 24*time.Hour, 1_000_000
	//nolint:sloglint // a discarding handler would not format, which production does
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	a, err := app.Open(tb.Context(), ours, settings, app.Options{Hasher: authn.NewCheapHasher(), Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{App: a, engine: engine, size: n, raw: open(tb, ours), reads: open(tb, ours)}
	if engine == "sqlite" {
		s.reads.SetMaxOpenConns(8)
		s.reads.SetMaxIdleConns(8)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, stopped := make(chan string, 1), make(chan error, 1)
	go func() { stopped <- a.Serve(ctx, io.Discard, func(url string) { ready <- url }) }()
	select {
	case address := <-ready:
		s.address = strings.TrimPrefix(address, "http://")
	case err := <-stopped:
		tb.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		stop()
		if err := <-stopped; err != nil {
			tb.Log("connections that were still open:", err)
		}
		if err := a.Close(); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(s.stop)
	s.bare = s.migrated(tb, bare)
	s.fill(tb, n)
	return s
}

// migrated gives the bare database its schema.
func (s *server) migrated(tb testing.TB, bare config.Storage) *sql.DB {
	tb.Helper()
	if err := os.MkdirAll(bare.Data, 0o700); err != nil {
		tb.Fatal(err)
	}
	db, err := store.Open(tb.Context(), store.Options{Path: bare.DatabaseFile(), URL: string(bare.DatabaseURL)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return open(tb, bare)
}

func (s *server) fill(tb testing.TB, n size) {
	tb.Helper()
	people := s.persons(tb, n.owners+n.creators)
	owners := people[:n.owners]
	s.people = people[n.owners:]
	name := "Warm " + id.New[string]() // as long as the names of its copies
	_, created := s.request(tb, http.MethodPost, "/organization", owners[0], `{"name":"`+name+`","plan":"ENTERPRISE_2025"}`)
	s.hot = owned{id.Organization(text(tb, created, "id")), owners[0]}
	s.answer, s.body = s.request(tb, http.MethodGet, "/organization/"+string(s.hot.id), s.hot.owner, "")
	others := make([]owned, n.many+n.cold)
	for i := range others {
		others[i] = owned{id.New[id.Organization](), owners[i%len(owners)]}
	}
	s.many, s.cold = others[:n.many], others[n.many:]
	for part := range slices.Chunk(others, 1000) {
		s.copies(tb, part)
	}
	s.invite(tb, n.invited)
	if s.engine == "postgres" { // now, rather than by itself in the middle of a measurement
		if _, err := s.raw.ExecContext(tb.Context(), "VACUUM ANALYZE"); err != nil {
			tb.Fatal(err)
		}
	}
	account, err := copyRow(s.raw, "account", "id", string(s.hot.owner.id)) // the bare rows name it
	if err == nil {
		_, err = s.bare.ExecContext(tb.Context(), account.insert, account.values...)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// persons makes accounts.
func (s *server) persons(tb testing.TB, n int) []person {
	tb.Helper()
	const together = 250
	pass := authz.System("bench")
	var all []person
	for len(all) < n {
		part, err := store.Write(tb.Context(), s.DB, pass, func(tx *store.Tx) (part []person, err error) {
			for i := len(all); i < min(len(all)+together, n); i++ {
				p, err := s.Accounts.Prepare(fmt.Sprintf("person%d@example.com", i), "correct horse battery")
				if err != nil {
					return nil, err
				}
				created, err := s.Accounts.CreateIn(tx, pass, p)
				if err != nil {
					return nil, err
				}
				access, err := s.Accounts.Access(created, "")
				if err != nil {
					return nil, err
				}
				part = append(part, person{created.ID, created.Email, access.Token})
			}
			return part, nil
		})
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, part...)
	}
	for _, p := range all {
		if _, err := s.Authenticator.Authenticate(tb.Context(), "Bearer "+p.token); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// copies makes organizations like hot. It writes the rows that a read needs itself:
// tens of thousands of creations take too long.
func (s *server) copies(tb testing.TB, list []owned) {
	tb.Helper()
	args := []any{string(s.hot.id)}
	marks := make([]string, len(list))
	mark := map[string]string{"sqlite": "?", "postgres": "$"}[s.engine] // SQLite looks a name up among all others
	for i, o := range list {
		args = append(args, string(o.id), string(o.owner.id))
		marks[i] = fmt.Sprintf("(CAST(%s%d AS TEXT), CAST(%s%d AS TEXT))", mark, 2*i+2, mark, 2*i+3)
	}
	from := " FROM (VALUES " + strings.Join(marks, ", ") + ") AS v, "
	for _, statement := range []string{
		`INSERT INTO organization (id, name, name_key, plan, body, billing_deployment_restriction, version, created_at, updated_at, deleted_at)
			SELECT v.column1, 'Cold ' || v.column1, 'cold ' || v.column1, o.plan, o.body, o.billing_deployment_restriction, o.version, o.created_at, o.updated_at, 0` +
			from + `organization o WHERE o.id = ` + mark + `1`,
		`INSERT INTO member (organization_id, user_id, role, joined_at) SELECT v.column1, v.column2, m.role, m.joined_at` +
			from + `member m WHERE m.organization_id = ` + mark + `1`,
		`INSERT INTO organization_head (organization_id, kind, seq, rights_seq, hash, mac, changed)
			SELECT v.column1, h.kind, h.seq, h.rights_seq, h.hash, h.mac, h.changed` + from + `organization_head h WHERE h.organization_id = ` + mark + `1`,
	} {
		if _, err := s.raw.ExecContext(tb.Context(), statement, args...); err != nil {
			tb.Fatal(err)
		}
	}
}

// request sends one request the ordinary way.
func (s *server) request(tb testing.TB, method, path string, by person, body string) (*http.Response, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+by.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(resp.Body); err != nil {
		tb.Fatal(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		tb.Fatalf("%s %s: %s\n%s", method, path, resp.Status, &all)
	}
	return resp, all.Bytes()
}

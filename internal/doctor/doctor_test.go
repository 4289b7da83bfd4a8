package doctor

import (
	"context"
	"database/sql"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/certificate/certificatetest"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// installation is a healthy one with a running server, for a test to break.
type installation struct {
	t        *testing.T
	storage  config.Storage
	settings config.Server
	clock    clock.Clock
	stop     func() // the server is not there any more
}

func install(t *testing.T, engine string) *installation {
	t.Helper()
	s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{RealClock: true})
	s.Person(t, "jane@example.com").Organization(t, "Acme")
	i := &installation{t: t, storage: s.Storage, settings: config.Defaults(), clock: clock.System{}, stop: func() {}}
	i.settings.PublicURL = s.URL
	i.settings.Listen = strings.TrimPrefix(s.URL, "http://")
	if engine == "sqlite" {
		l, err := net.Listen("unix", s.Storage.ControlSocket())
		if err != nil {
			t.Fatal(err)
		}
		i.stop = func() { l.Close() }
		t.Cleanup(i.stop)
		i.chmod(0o600, s.Storage.ControlSocket())
	} else {
		i.stop = func() { i.settings.Listen = "127.0.0.1:1" }
	}
	return i
}

func (i *installation) chmod(mode os.FileMode, file string) {
	i.t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		i.t.Fatal(err)
	}
}

// sql changes the database behind Guildhall's back.
func (i *installation) sql(statement string) {
	i.t.Helper()
	driver, source := "sqlite", "file:"+i.storage.DatabaseFile()+"?_pragma=busy_timeout(10000)"
	if !i.storage.Embedded() {
		driver, source = "pgx", string(i.storage.DatabaseURL)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		i.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		i.t.Fatal(err)
	}
}

func (i *installation) examine() map[string]Finding {
	i.t.Helper()
	list, err := Examine(i.t.Context(), i.storage, i.settings, i.clock)
	if err != nil {
		i.t.Fatal(err)
	}
	found := map[string]Finding{}
	for _, f := range list {
		found[f.Check] = f
		if f.Says == "" || (f.Do == "") != (f.Status == OK) {
			i.t.Errorf("%s: says %q, do %q (%s)", f.Check, f.Says, f.Do, f.Status)
		}
	}
	return found
}

const sqliteOnly = "sqlite"

// TestFindings breaks an installation in one way after the other; the check that the
// harm belongs to must name it, and the others stay quiet.
func TestFindings(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		engine  string // empty for both
		harm    func(i *installation)
		check   string // empty where all is well
		status  Status
		says    string
		andAlso []string // checks that have to speak up too
	}{
		"healthy":          {harm: func(*installation) {}},
		"a stopped server": {"", func(i *installation) { i.stop() }, "public URL", Warning, "no server runs", nil},
		"bad settings":     {"", func(i *installation) { i.settings.AccessTokenLife = 1 }, "settings", Problem, "--access-token-life", nil},

		"the clock at its beginning": {"", func(i *installation) { i.clock = clock.NewManual(time.Unix(0, 0)) }, "time", Problem, "believes that it is 1970", nil},
		"the clock an hour behind":   {"", func(i *installation) { i.clock = clock.NewManual(time.Now().Add(-time.Hour)) }, "time", Problem, "after this machine's time", nil},
		"the clock a minute ahead":   {"", func(i *installation) { i.clock = clock.NewManual(time.Now().Add(time.Minute)) }, "time", Warning, "away from this machine's clock", nil},

		"the key is gone": {"", func(i *installation) { i.storage.MasterKeyFile += ".gone" }, "key", Problem, "is missing; the database was sealed", []string{"chain"}},
		"no key":          {"", func(i *installation) { certificatetest.Write(i.t, i.storage.MasterKeyFile, []byte("x")) }, "key", Problem, "does not hold a key", []string{"chain"}},
		"another key": {"", func(i *installation) {
			certificatetest.Write(i.t, i.storage.MasterKeyFile, []byte("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"))
		}, "key", Problem, "but the database was sealed with", []string{"chain"}},
		"the key for everybody": {"", func(i *installation) { i.chmod(0o644, i.storage.MasterKeyFile) }, "permissions", Problem, "Other users can use the master key", nil},
		"the key among the data": {sqliteOnly, func(i *installation) {
			inside := filepath.Join(i.storage.Data, "key")
			if err := os.Rename(i.storage.MasterKeyFile, inside); err != nil {
				i.t.Fatal(err)
			}
			i.storage.MasterKeyFile = inside
		}, "permissions", Problem, "lies in the data directory", nil},
		"the data for all to write":  {sqliteOnly, func(i *installation) { i.chmod(0o777, i.storage.Data) }, "permissions", Problem, "can put files into", nil},
		"the data for all to see":    {sqliteOnly, func(i *installation) { i.chmod(0o755, i.storage.Data) }, "permissions", Warning, "can look into", nil},
		"the database for the group": {sqliteOnly, func(i *installation) { i.chmod(0o640, i.storage.DatabaseFile()) }, "permissions", Problem, "guildhall.db has mode 0640", nil},
		"the socket for all":         {sqliteOnly, func(i *installation) { i.chmod(0o666, i.storage.ControlSocket()) }, "permissions", Problem, "control.sock has mode 0666", nil},

		"no database": {sqliteOnly, func(i *installation) {
			i.storage = config.Storage{Data: filepath.Join(i.t.TempDir(), "data")}
		}, "database", Problem, "There is no database in", []string{"disk", "key", "chain", "public URL"}},
		"PostgreSQL is gone": {"postgres", func(i *installation) { i.storage.DatabaseURL = "postgres://a:s3cret@127.0.0.1:1/b" }, "database", Problem, "cannot be read", []string{"key", "chain", "public URL"}},
		"a newer schema": {"", func(i *installation) {
			i.sql(`INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (9999, 'later', 'x', 0)`)
		}, "database", Problem, "schema 9999", []string{"chain"}},
		"an older schema": {"", func(i *installation) { i.sql(`DELETE FROM schema_migration WHERE number > 1`) }, "database", Problem, "has schema 1", []string{"chain"}},
		"an altered event": {"", func(i *installation) {
			i.sql(`UPDATE event SET triggered_by = 'nobody' WHERE action = 'organization.create'`)
		}, "chain", Problem, "First bad event: stream", nil},

		"another server": {"", func(i *installation) {
			i.settings.PublicURL = apptest.Start(i.t, apptest.Storage(i.t, sqliteOnly), apptest.Options{}).URL
		}, "public URL", Problem, "leads to another Guildhall", nil},
		"something else": {"", func(i *installation) {
			other := httptest.NewServer(nil)
			i.t.Cleanup(other.Close)
			i.settings.PublicURL = other.URL
		}, "public URL", Problem, "not as Guildhall does: healthz says 404", nil},
		"nobody there":          {"", func(i *installation) { i.settings.PublicURL = "http://127.0.0.1:1" }, "public URL", Problem, "cannot be reached", nil},
		"in the clear":          {"", func(i *installation) { i.settings.PublicURL = "http://guildhall.invalid" }, "public URL", Problem, "cannot be reached", nil},
		"in the clear, stopped": {"", func(i *installation) { i.stop(); i.settings.PublicURL = "http://guildhall.invalid" }, "public URL", Warning, "everybody on the way", nil},

		"a good certificate":        {"", func(i *installation) { i.certificate(90 * day) }, "", OK, "", nil},
		"a certificate for a while": {"", func(i *installation) { i.certificate(13 * day) }, "TLS", Warning, "The certificate ends on", nil},
		"an expired certificate":    {"", func(i *installation) { i.certificate(-day) }, "TLS", Problem, "expired on", nil},
		"a certificate of another": {"", func(i *installation) {
			i.stop()
			i.certificate(90 * day)
			i.settings.PublicURL = "https://other.test"
		}, "TLS", Warning, "not for the host", []string{"public URL"}},
		"the TLS key for everybody": {"", func(i *installation) {
			i.certificate(90 * day)
			i.chmod(0o644, i.settings.TLSKey)
		}, "permissions", Problem, "Other users can use the TLS key", nil},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			if (c.engine != "" && c.engine != engine) || (testing.Short() && engine == "postgres" && c.engine == "") {
				continue // most harm is the same on both, and each installation costs its time
			}
			t.Run(name+"/"+engine, func(t *testing.T) {
				i := install(t, engine)
				c.harm(i)
				for check, f := range i.examine() {
					switch {
					case check == c.check && (f.Status != c.status || !strings.Contains(f.Says, c.says)):
						t.Errorf("%s: %s: %s", check, f.Status, f.Says)
					case check == c.check, check == "disk" && f.Status == Warning: // the test's own disk may be any
					case check == "database" && strings.Contains(f.Says, "with fsync = off"): // the tests' own PostgreSQL is in a hurry, rightly found
					case strings.Contains(strings.Join(c.andAlso, " "), check) == (f.Status == OK):
						t.Errorf("%s: %s: %s", check, f.Status, f.Says)
					}
					if strings.Contains(f.Says, "s3cret") {
						t.Errorf("%s shows the password: %s", check, f.Says)
					}
				}
			})
		}
	}
}

func (i *installation) certificate(left time.Duration) {
	i.t.Helper()
	i.settings.TLSCert, i.settings.TLSKey = certificatetest.Files(i.t, i.t.TempDir(), "guildhall", time.Now().Add(left))
}

// TestDamage overwrites the middle of a copy of the embedded database.
func TestDamage(t *testing.T) {
	i := install(t, "sqlite")
	i.sql(`PRAGMA wal_checkpoint(TRUNCATE)`)
	text, err := os.ReadFile(i.storage.DatabaseFile())
	if err != nil {
		t.Fatal(err)
	}
	for at := 4096 * 3; at < len(text); at += 4096 {
		copy(text[at:], "this is no page of a database")
	}
	i.storage.Data = t.TempDir()
	certificatetest.Write(t, i.storage.DatabaseFile(), text)
	if f := i.examine()["database"]; f.Status != Problem {
		t.Errorf("%s: %s", f.Status, f.Says)
	}
}

// TestLargeRecord: of a large record the newest part is looked at, and it says so.
func TestLargeRecord(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := jane.Organization(t, "Acme")
		for n := range newestEvents + 5 {
			jane.Project(t, acme, "project "+strings.Repeat("x", n))
		}
		db, err := store.Open(context.Background(), store.Options{Path: s.Storage.DatabaseFile(), URL: string(s.Storage.DatabaseURL), ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		p := &Patient{db: db}
		f, err := p.verify(t.Context(), s.HeadMAC(), 10)
		if err != nil || f.Status != OK || !strings.Contains(f.Says, "the newest 100 events of each (101 of 107)") {
			t.Errorf("%+v, %v", f, err)
		}
		if f, err := p.verify(t.Context(), s.HeadMAC(), 1000); err != nil || !strings.Contains(f.Says, "All 107 events in 2 chains") {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

func TestDisk(t *testing.T) {
	p := &Patient{storage: config.Storage{Data: "/data"}}
	for name, c := range map[string]struct {
		disk disk
		want Status
		says string
	}{
		"room":     {disk{free: 20 << 30, inodes: 5000}, OK, "20 GiB are free"},
		"little":   {disk{free: 500 << 20}, Warning, "Only 500 MiB"},
		"full":     {disk{free: 5 << 20}, Problem, "Only 5 MiB"},
		"no names": {disk{free: 20 << 30, inodes: 5}, Problem, "Only 5 more files"},
		"network":  {disk{free: 20 << 30, kind: "NFS", danger: overNetwork}, Warning, "lies on NFS: locks"},
		"both":     {disk{free: 5 << 20, kind: "NFS", danger: overNetwork}, Problem, "lies on NFS"},
	} {
		if f := p.judgeDisk(c.disk); f.Status != c.want || !strings.Contains(f.Says, c.says) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestPostgresSettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		want     Status
		says     string
	}{
		"sound":     {map[string]string{"server_version_num": "170000", "server_encoding": "UTF8", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "100"}, OK, ""},
		"remote":    {map[string]string{"synchronous_commit": "remote_apply"}, OK, ""},
		"old":       {map[string]string{"server_version_num": "120011"}, Problem, "too old"},
		"forgetful": {map[string]string{"fsync": "off"}, Problem, "fsync = off"},
		"early":     {map[string]string{"synchronous_commit": "off"}, Problem, "synchronous_commit = off"},
		"Latin":     {map[string]string{"server_encoding": "LATIN1"}, Problem, "LATIN1"},
		"few":       {map[string]string{"max_connections": "20"}, Warning, "20 connections"},
	} {
		if f := gravest(append(settingsOf(store.Examination{Settings: c.settings}), ok(""))...); f.Status != c.want || !strings.Contains(f.Says, c.says) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

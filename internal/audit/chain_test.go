package audit_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// recorded is an event as it lies in the database.
type recorded struct {
	Seq                                                                              int64
	EventType, TargetType, TargetID, TargetName, SubTargetType, TriggeredBy, ActorID string
	Origin, ProjectID, ProjectName                                                   string
	place                                                                            string // stream and number
	raw                                                                              []byte // nil where it was erased
	audit.Payload
}

// events reads every event of the database, stream by stream.
func events(t *testing.T, s *apptest.Server) []recorded {
	t.Helper()
	list, err := store.All(s.DB.Reader(t.Context()), `SELECT organization_id, seq, event_type, target_type, target_id, target_name, sub_target_type, triggered_by,
		actor_id, origin, project_id, project_name, payload FROM event ORDER BY organization_id, seq`, func(scan store.Scan) (e recorded, err error) {
		var stream string
		if err = scan(&stream, &e.Seq, &e.EventType, &e.TargetType, &e.TargetID, &e.TargetName, &e.SubTargetType, &e.TriggeredBy,
			&e.ActorID, &e.Origin, &e.ProjectID, &e.ProjectName, &e.raw); err != nil {
			return e, err
		}
		e.place = fmt.Sprintf("%s %d", stream, e.Seq)
		if e.raw == nil {
			return e, nil
		}
		return e, json.Unmarshal(e.raw, &e.Payload)
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// fresh gives the events that are not among the earlier ones.
func fresh(t *testing.T, s *apptest.Server, earlier []recorded) []recorded {
	t.Helper()
	known := map[string]bool{}
	for _, e := range earlier {
		known[e.place] = true
	}
	var list []recorded
	for _, e := range events(t, s) {
		if !known[e.place] {
			list = append(list, e)
		}
	}
	return list
}

// intruder is a connection to the database beside the application: what somebody
// with access to the database, but not to the master key, can do.
type intruder struct {
	*sql.DB
	t *testing.T
	s *apptest.Server
}

func intrude(t *testing.T, s *apptest.Server) intruder {
	t.Helper()
	driver, source := "pgx", string(s.Storage.DatabaseURL)
	if s.Storage.Embedded() {
		// The database is thrown away, so that nothing has to be synced to disk.
		driver, source = "sqlite", "file:"+s.Storage.DatabaseFile()+"?_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return intruder{db, t, s}
}

// do runs a statement that must change something.
func (i intruder) do(statement string, args ...any) {
	i.t.Helper()
	r, err := i.Exec(statement, args...)
	if err != nil {
		i.t.Fatalf("%s: %v", statement, err)
	}
	if n, err := r.RowsAffected(); err == nil && n == 0 && !strings.HasPrefix(statement, "CREATE") {
		i.t.Fatalf("%s %v: changed no row", statement, args)
	}
}

// remember keeps the chains as they are, for restore.
func (i intruder) remember() {
	i.t.Helper()
	for _, table := range []string{"event", "organization_head"} {
		i.do("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table)
	}
}

// restore undoes every tampering since remember.
func (i intruder) restore() {
	i.t.Helper()
	for _, table := range []string{"event", "organization_head"} {
		for _, statement := range []string{"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM kept_" + table} {
			if _, err := i.Exec(statement); err != nil {
				i.t.Fatal(err)
			}
		}
	}
}

// verify gives the first bad event; nil where every chain is whole.
func (i intruder) verify() (audit.Report, *audit.BadEvent) {
	i.t.Helper()
	report, err := audit.Verify(i.s.DB.Reader(i.t.Context()), i.s.HeadMAC())
	var bad *audit.BadEvent
	if err != nil && !errors.As(err, &bad) {
		i.t.Fatalf("the record could not be verified: %v", err)
	}
	return report, bad
}

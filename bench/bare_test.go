package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// bareHandler answers every request with the same bytes and headers as an answer of
// ours, and does nothing else; where there is a database, it reads the organization
// that the path names first. It gives its address.
func bareHandler(tb testing.TB, answer *http.Response, body []byte, db *sql.DB) string {
	tb.Helper()
	read := func(*http.Request) error { return nil }
	if db != nil {
		row, err := db.PrepareContext(context.Background(), "SELECT name, plan, body FROM organization WHERE id = $1")
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { row.Close() })
		read = func(r *http.Request) error {
			var name, plan, body string
			return row.QueryRowContext(r.Context(), strings.TrimPrefix(r.URL.Path, "/organization/")).Scan(&name, &plan, &body)
		}
	}
	type header struct{ name, value string }
	var headers []header
	for name, values := range answer.Header {
		if name != "Date" && name != "Content-Length" { // net/http writes them
			headers = append(headers, header{name, values[0]})
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := read(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for _, h := range headers {
			w.Header().Set(h.name, h.value)
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(body)
	})}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// createdTables are where createOrganization puts a row each, in their order, with
// the column that names the organization. TestCreatedTables holds the list.
var createdTables = []struct{ name, organization string }{
	{"organization", "id"}, {"member", "organization_id"}, {"event", "organization_id"}, {"event_subject", "organization_id"}, {"organization_head", "organization_id"},
}

// row is an INSERT of a row that was read from a database.
type row struct {
	insert  string
	columns []string
	values  []any
}

// copyRow reads the one row of a table whose column has a value.
func copyRow(db *sql.DB, table, column, value string) (row, error) {
	rows, err := db.QueryContext(context.Background(), "SELECT * FROM "+table+" WHERE "+column+" = $1", value)
	if err != nil {
		return row{}, err
	}
	defer rows.Close()
	var r row
	if r.columns, err = rows.Columns(); err != nil {
		return r, err
	}
	if !rows.Next() {
		return r, fmt.Errorf("no row in %s where %s is %s: %w", table, column, value, rows.Err())
	}
	r.values = make([]any, len(r.columns))
	places, marks := make([]any, len(r.columns)), make([]string, len(r.columns))
	for i := range r.values {
		places[i], marks[i] = &r.values[i], fmt.Sprintf("$%d", i+1)
	}
	r.insert = "INSERT INTO " + table + " (" + strings.Join(r.columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	return r, rows.Scan(places...)
}

// made is one creation's rows, ready to be written.
type made struct {
	rows []row
	next *atomic.Int64
}

// copyCreated creates an organization and reads the rows that this has left.
func (s *server) copyCreated(tb testing.TB) *made {
	tb.Helper()
	_, created := s.request(tb, http.MethodPost, "/organization", s.hot.owner, newOrganization(s.created.Add(1)))
	m := &made{next: &s.created}
	for _, t := range createdTables {
		r, err := copyRow(s.raw, t.name, t.organization, text(tb, created, "id"))
		if err != nil {
			tb.Fatal(err)
		}
		m.rows = append(m.rows, r)
	}
	return m
}

// fresh gives each row's values for a further organization: what must be unique is
// new, the rest is as long as it was.
func (m *made) fresh() [][]any {
	organization, event := id.New[string](), id.New[string]()
	name := fmt.Sprintf("Bare %08d", m.next.Add(1))
	all := make([][]any, len(m.rows))
	for i, r := range m.rows {
		all[i] = slices.Clone(r.values)
		for c, column := range r.columns {
			switch {
			case column == "organization_id", column == "target_id", column == "id" && createdTables[i].name == "organization":
				all[i][c] = organization
			case column == "id":
				all[i][c] = event
			case column == "name", column == "name_key", column == "target_name":
				all[i][c] = name
			}
		}
	}
	return all
}

// bareEach writes one creation's rows in a transaction of its own per request,
// through the pool of connections that the server has too.
func bareEach(db *sql.DB, m *made, workers int) subject {
	ctx := context.Background()
	one := func() error {
		values := m.fresh()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for i, r := range m.rows {
			if _, err := tx.ExecContext(ctx, r.insert, values[i]...); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	return slices.Repeat(subject{one}, workers)
}

// lite is SQLite's one writing connection with its statements prepared.
type lite struct {
	begin, commit, rollback *sql.Stmt
	inserts                 []*sql.Stmt
	made                    *made
	waiting                 chan chan error
}

func newLite(tb testing.TB, db *sql.DB, m *made) *lite {
	tb.Helper()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	prepare := func(text string) *sql.Stmt {
		s, err := conn.PrepareContext(ctx, text)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { s.Close() })
		return s
	}
	l := &lite{
		begin: prepare("BEGIN IMMEDIATE"), commit: prepare("COMMIT"), rollback: prepare("ROLLBACK"),
		made: m, waiting: make(chan chan error, 256),
	}
	for _, r := range m.rows {
		l.inserts = append(l.inserts, prepare(r.insert))
	}
	stop := make(chan struct{})
	tb.Cleanup(func() { close(stop) })
	go l.group(stop)
	return l
}

// write commits n creations together.
func (l *lite) write(n int) error {
	ctx := context.Background()
	if _, err := l.begin.ExecContext(ctx); err != nil {
		return err
	}
	for range n {
		for i, values := range l.made.fresh() {
			if _, err := l.inserts[i].ExecContext(ctx, values...); err != nil {
				_, _ = l.rollback.ExecContext(ctx)
				return err
			}
		}
	}
	_, err := l.commit.ExecContext(ctx)
	return err
}

// each gives every request a transaction of its own; they take turns.
func (l *lite) each(workers int) subject {
	turn := make(chan struct{}, 1)
	one := func() error {
		turn <- struct{}{}
		defer func() { <-turn }()
		return l.write(1)
	}
	return slices.Repeat(subject{one}, workers)
}

// grouped commits all requests together that wait at the same moment.
func (l *lite) grouped(workers int) subject {
	s := make(subject, workers)
	for i := range s {
		done := make(chan error, 1)
		s[i] = func() error {
			l.waiting <- done
			return <-done
		}
	}
	return s
}

func (l *lite) group(stop chan struct{}) {
	var batch []chan error
	for {
		batch = batch[:0]
		select {
		case <-stop:
			return
		case done := <-l.waiting:
			batch = append(batch, done)
		}
		for more := true; more && len(batch) < cap(l.waiting); {
			select {
			case done := <-l.waiting:
				batch = append(batch, done)
			default:
				more = false
			}
		}
		err := l.write(len(batch))
		for _, done := range batch {
			done <- err
		}
	}
}

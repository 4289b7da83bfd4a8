package bench_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
)

// connections at once: one client, a few, and far more than there are processors.
var connections = []int{1, 8, 64}

// scenario is a kind of request, with what it is compared with: ours comes first.
type scenario struct {
	name     string
	subjects func(tb testing.TB, s *server, connections int) []subject
}

var scenarios = []scenario{
	{"hot", reading(func(s *server) owned { return s.hot })},
	{"many", reading(func(s *server) owned { return s.many[s.read.Add(1)%int64(len(s.many))] })},
	{cold, reading(func(s *server) owned { return s.cold[s.read.Add(1)%int64(len(s.cold))] })},
	{create, creating},
}

const (
	cold   = "cold"
	create = "create"
)

// reading is compared with a bare handler, and with one that reads the same row.
func reading(which func(*server) owned) func(testing.TB, *server, int) []subject {
	return func(tb testing.TB, s *server, n int) []subject {
		tb.Helper()
		next := func(out []byte) []byte { return s.get(out, which(s)) }
		return []subject{
			connect(tb, s.address, n, http.StatusOK, next),
			connect(tb, bareHandler(tb, s.answer, s.body, nil), n, http.StatusOK, next),
			connect(tb, bareHandler(tb, s.answer, s.body, s.reads), n, http.StatusOK, next),
		}
	}
}

// creating is compared with bare transactions, one for each request, and on SQLite
// also with bare transactions that commit together what waits.
func creating(tb testing.TB, s *server, n int) []subject {
	tb.Helper()
	m := s.copyCreated(tb)
	ours := connect(tb, s.address, n, http.StatusCreated, s.create)
	if s.engine == "postgres" {
		return []subject{ours, bareEach(s.bare, m, n)}
	}
	l := newLite(tb, s.bare, m)
	return []subject{ours, l.each(n), l.grouped(n)}
}

// get appends an authorised request for an organization.
func (s *server) get(out []byte, o owned) []byte {
	out = append(append(out, "GET /organization/"...), o.id...)
	return append(s.head(out, o.owner), '\r', '\n')
}

func (s *server) head(out []byte, by person) []byte {
	out = append(append(out, " HTTP/1.1\r\nHost: "...), s.address...)
	out = append(out, "\r\nUser-Agent: guildhall-bench\r\nAccept: application/json\r\nAuthorization: Bearer "...)
	return append(append(out, by.token...), '\r', '\n')
}

// create appends a request for a new organization; the people take turns.
func (s *server) create(out []byte) []byte {
	n := s.created.Add(1)
	return s.post(out, "/organization", s.people[n%int64(len(s.people))], newOrganization(n))
}

// ask appends an authorised GET, post a POST.
func (s *server) ask(out []byte, path string, by person) []byte {
	return append(s.head(append(append(out, "GET "...), path...), by), '\r', '\n')
}

func (s *server) post(out []byte, path string, by person, body string) []byte {
	out = s.head(append(append(out, "POST "...), path...), by)
	return fmt.Appendf(out, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func newOrganization(n int64) string {
	return fmt.Sprintf(`{"name":"Made %08d","plan":"ENTERPRISE_2025"}`, n)
}

// text is a field of a JSON answer.
func text(tb testing.TB, body []byte, field string) string {
	tb.Helper()
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		tb.Fatal(err)
	}
	value, _ := fields[field].(string)
	return value
}

// BenchmarkHTTP measures every scenario on both databases.
func BenchmarkHTTP(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine, func(b *testing.B) {
			s := start(b, engine, measured)
			for _, c := range scenarios {
				for _, n := range connections {
					b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
						results.contest(b, key{engine, c.name, n}, compare(b, c.subjects(b, s, n)...))
					})
				}
			}
			for _, o := range s.others() {
				b.Run(o.name, func(b *testing.B) { s.measure(b, o) })
			}
			b.Run("events", func(b *testing.B) {
				for _, o := range s.pages(b) {
					b.Run(o.name, func(b *testing.B) { s.measure(b, o) })
				}
			})
		})
	}
}

// TestScenarios does a few requests of every scenario, so that what measures does
// not rot, and holds that ours and the bare ones answer alike.
func TestScenarios(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			s := start(t, engine, tiny)
			for _, c := range scenarios {
				for i, subject := range c.subjects(t, s, 3) {
					done, err := subject.turn(20, 0)
					if err != nil || done.requests != 20 {
						t.Errorf("%s, subject %d: %d requests done, error %v", c.name, i, done.requests, err)
					}
				}
			}
		})
	}
}

// TestCreatedTables holds the list of tables that a creation writes to: the bare
// transactions must write the same rows.
func TestCreatedTables(t *testing.T) {
	s := start(t, "sqlite", tiny)
	before := counts(t, s)
	s.request(t, http.MethodPost, "/organization", s.hot.owner, `{"name":"One more","plan":"FREE"}`)
	grown := map[string]int64{}
	for table, n := range counts(t, s) {
		if n != before[table] {
			grown[table] = n - before[table]
		}
	}
	for _, table := range createdTables {
		if grown[table.name] != 1 {
			t.Errorf("a creation added %d rows to %s; the bare transaction adds one", grown[table.name], table.name)
		}
		delete(grown, table.name)
	}
	if len(grown) > 0 {
		t.Errorf("a creation added rows that the bare transaction does not: %v", grown)
	}
}

// counts are the rows of every table of SQLite.
func counts(tb testing.TB, s *server) map[string]int64 {
	tb.Helper()
	rows, err := s.raw.QueryContext(tb.Context(), "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			tb.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // there is one connection
		tb.Fatal(err)
	}
	n := map[string]int64{}
	for _, table := range tables {
		var count int64
		if err := s.raw.QueryRowContext(tb.Context(), "SELECT COUNT(*) FROM "+table).Scan(&count); err != nil {
			tb.Fatal(err)
		}
		n[table] = count
	}
	return n
}

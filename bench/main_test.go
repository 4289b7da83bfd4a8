package bench_test

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var document = flag.String("document", "", "put the tables into this document as well, in place of all that follows "+heading)

// TestMain prints what the benchmarks found, as the end of docs/performance.md.
func TestMain(m *testing.M) {
	code := m.Run()
	var tables strings.Builder
	results.print(&tables)
	if tables.Len() > 0 {
		fmt.Print("\n" + tables.String())
	}
	if *document != "" && code == 0 {
		if err := replaceTables(*document, tables.String()); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

const heading = "## As measured"

// replaceTables puts what was measured where a document has what was measured before.
func replaceTables(path, tables string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, _, found := strings.Cut(string(text), heading)
	if !found || !strings.HasPrefix(tables, heading) {
		return fmt.Errorf("%s has no heading %q, or nothing was measured", path, heading)
	}
	return os.WriteFile(path, []byte(before+tables), 0o644)
}

// key names a row of a comparison.
type key struct {
	engine, scenario string
	connections      int
}

// line is a row of a table of single figures.
type line struct {
	name        string
	sample      sample
	connections int // where it was said
}

// found gathers what was measured. The testing package runs a benchmark several
// times, longer each time; the last one counts.
type found struct {
	mu       sync.Mutex
	rows     []key
	contests map[key]contest
	parts    []line
	others   []line
	starts   []line
	disk     string
}

var results = found{contests: map[key]contest{}}

// contest keeps a comparison, and reports it as metrics of the benchmark.
func (f *found) contest(b *testing.B, k key, c contest) {
	b.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, again := f.contests[k]; !again {
		f.rows = append(f.rows, k)
	}
	f.contests[k] = c
	b.ReportMetric(c.rate(0), "req/s")
	b.ReportMetric(c.total(0).cpuMicros(), "cpu-µs/req")
	for i, name := range []string{"of-bare", "of-other"} {
		if i+1 < len(c) {
			b.ReportMetric(c.ratio(i+1), name)
		}
	}
}

// part keeps what a step of a request costs; other, what a request does; started,
// how long a start takes, and how much memory it has taken by then.
func (f *found) part(name string, s sample) { f.put(&f.parts, line{name, s, 0}) }
func (f *found) other(name string, o other, s sample) {
	f.put(&f.others, line{name + ", " + o.name, s, o.connections})
}
func (f *found) started(name string, s sample) { f.put(&f.starts, line{name, s, 0}) }

func (f *found) put(lines *[]line, l line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(*lines, func(old line) bool { return old.name == l.name })
	if i < 0 {
		*lines = append(*lines, l)
		return
	}
	(*lines)[i] = l
}

func (f *found) print(w io.Writer) {
	if f.disk == "" {
		return // only tests ran
	}
	fmt.Fprintf(w, "%s\n\n%d processors, %s, %s/%s. %s%s.\n", heading, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, f.disk, load())
	f.limits(w)
	f.reads(w)
	f.creations(w)
	f.requests(w)
	f.lines(w, "step", f.parts)
	f.startUps(w)
}

// load says how busy the machine is: the benchmarks alone make a load of about two.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	of15Minutes := strings.Fields(string(text))[2]
	return "; at the end the load of the last 15 minutes is " + of15Minutes
}

func (f *found) reads(w io.Writer) {
	title := "\n| getOrganization | connections | requests/s | bare handler/s | ratio | with a SELECT/s | ratio | CPU µs | bare | with a SELECT | allocations | bare |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
	for _, k := range f.rows {
		if k.scenario == create {
			continue
		}
		c := f.contests[k]
		ours, bare, reads := c.total(0), c.total(1), c.total(2)
		fmt.Fprintf(w, "%s| %s, %s | %d | %.0f | %.0f | **%.2f** | %.0f | %.2f | %.1f | %.1f | %.1f | %.0f | %.0f |\n", title, names[k.engine], k.scenario, k.connections,
			c.rate(0), c.rate(1), c.ratio(1), c.rate(2), c.ratio(2), ours.cpuMicros(), bare.cpuMicros(), reads.cpuMicros(), ours.allocs(), bare.allocs())
		title = ""
	}
}

func (f *found) creations(w io.Writer) {
	title := "\n| createOrganization | connections | requests/s | bare, one each/s | ratio | bare, grouped/s | ratio | CPU µs | allocations |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
	for _, k := range f.rows {
		if k.scenario != create {
			continue
		}
		c, grouped := f.contests[k], "– | –"
		if len(c) > 2 {
			grouped = fmt.Sprintf("%.0f | **%.2f**", c.rate(2), c.ratio(2))
		}
		fmt.Fprintf(w, "%s| %s | %d | %.0f | %.0f | **%.2f** | %s | %.0f | %.0f |\n", title, names[k.engine], k.connections,
			c.rate(0), c.rate(1), c.ratio(1), grouped, c.total(0).cpuMicros(), c.total(0).allocs())
		title = ""
	}
}

func (f *found) requests(w io.Writer) {
	title := "\n| request | connections | requests/s | ms | CPU ms | allocations |\n|---|--:|--:|--:|--:|--:|\n"
	for _, l := range f.others {
		each := float64(l.connections) / l.sample.rate() * 1000
		fmt.Fprintf(w, "%s| %s | %d | %.0f | %.2f | %.2f | %.0f |\n", title, l.name, l.connections, l.sample.rate(), each, l.sample.cpuMicros()/1000, l.sample.allocs())
		title = ""
	}
}

func (f *found) startUps(w io.Writer) {
	title := "\n| start | until it is ready | CPU | memory, idle |\n|---|--:|--:|--:|\n"
	for _, l := range f.starts {
		n := time.Duration(l.sample.requests)
		fmt.Fprintf(w, "%s| %s | %s | %s | %.0f MiB |\n", title, l.name, short(l.sample.elapsed/n), short(l.sample.cpu/n), float64(l.sample.resident)/(1<<20))
		title = ""
	}
}

var names = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

func (f *found) lines(w io.Writer, title string, lines []line) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n| %s | time | CPU | allocations |\n|---|--:|--:|--:|\n", title)
	for _, l := range lines {
		n := time.Duration(l.sample.requests)
		fmt.Fprintf(w, "| %s | %s | %s | %.0f |\n", l.name, short(l.sample.elapsed/n), short(l.sample.cpu/n), l.sample.allocs())
	}
}

// short gives a duration three digits.
func short(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// syncs measures what the disk of a directory takes to make a small write durable.
func (f *found) syncs(tb testing.TB, dir string) {
	tb.Helper()
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var took []time.Duration
	for range 50 {
		started := time.Now()
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			tb.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			tb.Fatal(err)
		}
		took = append(took, time.Since(started))
	}
	slices.SortFunc(took, cmp.Compare)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disk = fmt.Sprintf("A write of 4 KiB with fsync takes %s (median)", short(took[len(took)/2]))
}

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	_ "modernc.org/sqlite"             // the driver

	"github.com/guildhall-dev/guildhall/internal/mail/mailtest"
	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// TestScripts runs the stories in testdata, each on both databases. They read like
// a manual: $STORE is the flag that names the database, $DATA the data directory,
// $KEY the master key's file. Beside the usual commands they have:
//
//	keys a b c            the last output is one JSON object with exactly these keys, in this order
//	take NAME key         puts a field of the last output into a variable
//	serve [flags]         starts a server; $URL is where it listens
//	shutdown              ends it as an operator would; it must end well
//	output PATTERN        waits for a line of the running server's standard output
//	api STATUS METHOD PATH [BODY]   asks the server as the holder of $TOKEN
//	await STATUS METHOD PATH        asks until the server answers so
//	sql STATEMENT         changes the database behind Guildhall's back
//	mailbox               starts an SMTP server; $SMTP_URL is its address
//	letter ADDRESS        waits for the next letter that goes there, and prints it; $LINK is the link in it
//	noletter              no letter has come that was not asked for
//	browser NAME          goes on in somebody's browser, a fresh one the first time; it keeps its cookies
//	page STATUS PATH      opens a page in it and prints its address, its title and what it says
//	follow STATUS WORDS   follows the link with these words
//	send STATUS ACTION [name=value]…   fills in and sends the form with this action
//	form ACTION           the page has such a form
//	another NAME          puts the flag that names a further, empty database into a variable
//	metric NAME PATTERN   waits until the running server shows the metric with such a value
//	mode FILE MODE        a file's rights must be these
//	cut FILE N            shortens a file by N bytes
func TestScripts(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			if engine == "postgres" {
				storetest.Shared(t)
			}
			testscript.Run(t, testscript.Params{
				Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
				Condition: func(cond string) (bool, error) {
					if slices.Contains(engines, cond) {
						return cond == engine, nil
					}
					return false, fmt.Errorf("unknown condition %q", cond)
				},
				Setup: func(e *testscript.Env) error {
					p := place{home: filepath.Join(e.WorkDir, "home")}
					if err := os.Mkdir(p.home, 0o700); err != nil {
						return err
					}
					p.flag = "--data=" + p.data()
					if engine == "postgres" {
						p.url = storetest.Shared(t).Empty(t)
						p.flag = "--database-url=" + p.url
					}
					for name, value := range map[string]string{
						"HOME": p.home, "STORE": p.flag, "DATA": p.data(), "KEY": p.key(), "DATABASE_URL": p.url,
						"PATH": filepath.Dir(program) + string(os.PathListSeparator) + e.Getenv("PATH"),
					} {
						e.Setenv(name, value)
					}
					e.Values[storyKey{}] = &story{place: p, tabs: map[string]*tab{}}
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"keys": keys, "take": take, "serve": serve, "shutdown": shutdown, "output": printed, "api": api, "await": await, "sql": runSQL,
					"browser": browser, "page": openPage, "follow": followLink, "send": sendForm, "form": hasForm,
					"mailbox": mailbox, "letter": letter, "noletter": noLetter,
					"another": another(t), "mode": mode, "metric": metric, "cut": cut,
				},
			})
		})
	}
}

type storyKey struct{}

// story is what the commands of a script share.
type story struct {
	place
	server *server // the running one
	box    *mailtest.Server
	others []*mailtest.Message // letters that came before the one that was asked for
	tabs   map[string]*tab     // by whose browser it is
	tab    *tab                // the one in use
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func (s *story) running(ts *testscript.TestScript) *server {
	if s.server == nil {
		ts.Fatalf("no server was started")
	}
	return s.server
}

// object reads the last output, which must be one JSON object and nothing else.
func object(ts *testscript.TestScript) (names []string, values map[string]any) {
	text := ts.ReadFile("stdout")
	ts.Check(json.Unmarshal([]byte(text), &values)) // refuses anything behind the object
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token() // the bracket
	ts.Check(err)
	for d.More() {
		name, err := d.Token()
		ts.Check(err)
		var value json.RawMessage
		ts.Check(d.Decode(&value))
		names = append(names, name.(string))
	}
	return names, values
}

func keys(ts *testscript.TestScript, neg bool, args []string) {
	if names, _ := object(ts); slices.Equal(names, args) == neg {
		ts.Fatalf("the keys are %v", names)
	}
}

func take(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: take NAME key")
	}
	_, values := object(ts)
	text := fmt.Sprint(values[args[1]])
	if values[args[1]] == nil || text == "" {
		ts.Fatalf("there is no %s in the output", args[1])
	}
	ts.Setenv(args[0], text)
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve [flags]; use exec for one that must fail")
	}
	here := storyOf(ts)
	env := here.environment()
	for _, name := range []string{"GUILDHALL_CONFIG", "GUILDHALL_PUBLIC_URL"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	s, err := launch(env, append(args, here.flag)...)
	ts.Check(err)
	ts.Defer(s.kill)
	here.server = s
	ts.Setenv("URL", s.URL)
}

func shutdown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: shutdown")
	}
	s := storyOf(ts).running(ts)
	if code, err := s.stop(); code != 0 || err != nil {
		ts.Fatalf("the server ended with %d (%v)\n%s", code, err, s.log.String())
	}
	fmt.Fprint(ts.Stdout(), s.out.String())
	fmt.Fprint(ts.Stderr(), s.log.String())
}

func printed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: output PATTERN")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	_, err = storyOf(ts).running(ts).line(pattern)
	ts.Check(err)
}

func api(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: api STATUS METHOD PATH [BODY]")
	}
	var body any
	if len(args) == 4 {
		body = args[3] // a form
		if json.Valid([]byte(args[3])) {
			body = json.RawMessage(args[3])
		}
	}
	path := strings.TrimPrefix(args[2], ts.Getenv("URL")) // a letter's link is whole
	r, err := client{url: ts.Getenv("URL"), credential: ts.Getenv("TOKEN")}.try(args[1], path, body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s", r.body)
	if fmt.Sprint(r.status) != args[0] {
		ts.Fatalf("status %d, want %s\n%s", r.status, args[0], r.body)
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await STATUS METHOD PATH")
	}
	c := client{url: ts.Getenv("URL"), credential: ts.Getenv("TOKEN")}
	ts.Check(until(func() error {
		r, err := c.try(args[1], args[2], nil)
		if err == nil && fmt.Sprint(r.status) != args[0] {
			err = fmt.Errorf("status %d, want %s\n%s", r.status, args[0], r.body)
		}
		return err
	}))
}

func another(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: another NAME")
		}
		flag := "--data=" + ts.MkAbs("data of "+args[0])
		if storyOf(ts).url != "" {
			flag = "--database-url=" + storetest.Shared(t).Empty(t)
		}
		ts.Setenv(args[0], flag)
	}
}

func metric(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: metric NAME PATTERN")
	}
	pattern, err := regexp.Compile("(?m)^" + regexp.QuoteMeta(args[0]) + " " + args[1] + "$")
	ts.Check(err)
	ts.Check(until(func() error {
		r, err := client{url: ts.Getenv("URL")}.try("GET", "/metrics", nil)
		if err == nil && !pattern.Match(r.body) {
			err = fmt.Errorf("no %s in the metrics", pattern)
		}
		return err
	}))
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[1] {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE N")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-n))
}

func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sql STATEMENT")
	}
	db, err := storyOf(ts).database()
	ts.Check(err)
	defer db.Close()
	result, err := db.Exec(args[0])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%s: changed nothing (%v)", args[0], err)
	}
}

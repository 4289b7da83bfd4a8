package e2e_test

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/guildhall-dev/guildhall/internal/console/consoletest"
)

// tab is somebody's browser and the page that it shows.
type tab struct {
	*consoletest.Browser
	page *consoletest.Page
}

// browser changes to somebody's browser; the first time they get a fresh one.
func browser(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: browser NAME")
	}
	s := storyOf(ts)
	if s.tabs[args[0]] == nil {
		s.tabs[args[0]] = &tab{Browser: consoletest.New(s.running(ts).URL)}
	}
	s.tab = s.tabs[args[0]]
}

// shows prints what a page says, which must have the status.
func (s *story) shows(ts *testscript.TestScript, status string, p *consoletest.Page, err error) {
	ts.Check(err)
	s.tab.page = p
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n%s\n", p.Path, p.Title, p.Text)
	if fmt.Sprint(p.Status) != status {
		ts.Fatalf("%s: status %d, want %s\n%s", p.Path, p.Status, status, p.Text)
	}
}

// seen is the browser of the story, with a page in it where one is needed.
func (s *story) seen(ts *testscript.TestScript, page bool) *tab {
	if s.tab == nil || (page && s.tab.page == nil) {
		ts.Fatalf("there is no browser with a page: browser NAME, page STATUS PATH")
	}
	return s.tab
}

func openPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: page STATUS PATH")
	}
	s := storyOf(ts)
	p, err := s.seen(ts, false).Try(args[1])
	s.shows(ts, args[0], p, err)
}

func followLink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: follow STATUS WORDS")
	}
	s := storyOf(ts)
	link := s.seen(ts, true).page.Link(args[1])
	if link == "" {
		ts.Fatalf("the page has no link %q:\n%s", args[1], s.tab.page.Text)
	}
	p, err := s.tab.Try(link)
	s.shows(ts, args[0], p, err)
}

func sendForm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: send STATUS ACTION [name=value]…")
	}
	s, values := storyOf(ts), map[string]string{}
	for _, pair := range args[2:] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			ts.Fatalf("%q is not name=value", pair)
		}
		values[name] = value
	}
	p, err := s.seen(ts, true).page.TrySend(args[1], values)
	s.shows(ts, args[0], p, err)
}

func hasForm(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: form ACTION")
	}
	if p := storyOf(ts).seen(ts, true).page; p.Has(args[0]) == neg {
		ts.Fatalf("%s: has the form %s: %t", p.Path, args[0], neg)
	}
}

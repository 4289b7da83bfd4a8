// Package consoletest goes through the pages of a running server for tests.
package consoletest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Browser goes through pages as a person's browser does, without script: it keeps
// cookies, follows redirects and sends the forms that it is shown.
type Browser struct {
	server string // where it is
	client *http.Client
	// Agent is what the browser calls itself.
	Agent string
}

// New gives a fresh browser for the server at a URL.
func New(server string) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only options fail
	}
	return &Browser{server: server, client: &http.Client{Jar: jar, Timeout: time.Minute}, Agent: "Mozilla/5.0 Firefox/140.0"}
}

// Page is a page that was read whole.
type Page struct {
	Status  int
	Path    string // with its query, after redirects
	Title   string
	Text    string // what a person reads
	Header  http.Header
	Source  string
	url     *url.URL
	root    *html.Node
	browser *Browser
}

// Open goes to a page of the server.
func (b *Browser) Open(t testing.TB, path string) *Page {
	t.Helper()
	p, err := b.Try(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Try is Open for where there is no test at hand.
func (b *Browser) Try(path string) (*Page, error) {
	req, err := http.NewRequest(http.MethodGet, b.address(path), nil)
	if err != nil {
		return nil, err
	}
	return b.do(req)
}

func (b *Browser) address(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	return b.server + path
}

// Cookies are the ones that the server gave.
func (b *Browser) Cookies() []*http.Cookie {
	u, err := url.Parse(b.server)
	if err != nil {
		panic(err) // the server's own address
	}
	return b.client.Jar.Cookies(u)
}

func (b *Browser) do(req *http.Request) (*Page, error) {
	req.Header.Set("User-Agent", b.Agent)
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	source, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	root, err := html.Parse(bytes.NewReader(source))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	p := &Page{Status: resp.StatusCode, Path: resp.Request.URL.RequestURI(), Header: resp.Header, Source: string(source), url: resp.Request.URL, root: root, browser: b}
	if title := p.first(atom.H1); title != nil {
		p.Title = text(title)
	}
	if main := p.first(atom.Main); main != nil {
		p.Text = text(main)
	}
	for n := range p.root.Descendants() { // a toast stands beside it
		if n.DataAtom == atom.P && attribute(n, "class") == "toast" {
			p.Text += " " + text(n)
		}
	}
	return p, nil
}

// Must fails the test unless the page has the status and shows the words.
func (p *Page) Must(t testing.TB, status int, words ...string) *Page {
	t.Helper()
	if p.Status != status {
		t.Fatalf("%s: status %d, want %d\n%s", p.Path, p.Status, status, p.Text)
	}
	for _, w := range words {
		if !strings.Contains(p.Text, w) {
			t.Fatalf("%s does not say %q:\n%s", p.Path, w, p.Text)
		}
	}
	return p
}

// Send fills in the form with an action, and sends it. Hidden values and those that
// the page gives are sent along.
func (p *Page) Send(t testing.TB, action string, values map[string]string) *Page {
	t.Helper()
	next, err := p.TrySend(action, values)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TrySend is Send for where there is no test at hand. Of several forms with the action
// it takes the one that holds the values already, such as a hidden answer.
func (p *Page) TrySend(action string, values map[string]string) (*Page, error) {
	form := p.form(action, values)
	if form == nil {
		return nil, fmt.Errorf("%s has no form %s:\n%s", p.Path, action, p.Text)
	}
	given := fields(form)
	for name := range maps.Keys(values) {
		if !given.Has(name) {
			return nil, fmt.Errorf("the form %s of %s has no field %q", action, p.Path, name)
		}
		given.Set(name, values[name])
	}
	to, err := p.url.Parse(attribute(form, "action")) // the page may be another server's
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(given.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.url.Scheme+"://"+p.url.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return p.browser.do(req)
}

// fields are the values that a form holds.
func fields(form *html.Node) url.Values {
	given := url.Values{}
	for n := range form.Descendants() {
		if value, ok := control(n); ok && (value != "" || !given.Has(attribute(n, "name"))) {
			given.Set(attribute(n, "name"), value)
		}
	}
	return given
}

// control is the value of an input, empty where it is a button that is not pressed;
// false for what is no field of a form.
func control(n *html.Node) (string, bool) {
	if n.Type != html.ElementNode || attribute(n, "name") == "" {
		return "", false
	}
	switch n.DataAtom {
	case atom.Input:
		kind := attribute(n, "type")
		if (kind == "radio" || kind == "checkbox") && !has(n, "checked") {
			return "", true
		}
		return attribute(n, "value"), true
	case atom.Textarea:
		var raw strings.Builder
		for d := range n.Descendants() {
			raw.WriteString(d.Data)
		}
		return raw.String(), true
	case atom.Select:
		first, chosen := "", ""
		for o := range n.Descendants() {
			if o.Type != html.ElementNode || o.DataAtom != atom.Option {
				continue
			}
			if first == "" {
				first = attribute(o, "value")
			}
			if has(o, "selected") {
				chosen = attribute(o, "value")
			}
		}
		return cmp.Or(chosen, first), true
	}
	return "", false
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// Has tells whether the page has a form with an action.
func (p *Page) Has(action string) bool { return p.form(action, nil) != nil }

// At tells whether the page is one of a server.
func (p *Page) At(server string) bool { return p.url.Scheme+"://"+p.url.Host == server }

// Value is what a field of the page holds.
func (p *Page) Value(field string) string {
	for n := range p.root.Descendants() {
		if value, ok := control(n); ok && value != "" && attribute(n, "name") == field {
			return value
		}
	}
	return ""
}

// DocumentTitle is what the browser's tab says.
func (p *Page) DocumentTitle() string {
	if n := p.first(atom.Title); n != nil {
		return text(n)
	}
	return ""
}

// Frame is what stands around the page: the rail with its menus.
func (p *Page) Frame() string {
	if n := p.first(atom.Nav); n != nil {
		return text(n)
	}
	return ""
}

// Link is where the link with these words leads; empty where there is none.
func (p *Page) Link(words string) string {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == atom.A && strings.Contains(text(n), words) {
			return attribute(n, "href")
		}
	}
	return ""
}

func (p *Page) form(action string, values map[string]string) (found *html.Node) {
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.DataAtom != atom.Form {
			continue
		}
		if path, _, _ := strings.Cut(attribute(n, "action"), "?"); path != action {
			continue
		}
		given, alike := fields(n), true
		for name, value := range values {
			alike = alike && given.Get(name) == value
		}
		if found == nil || alike {
			found = n
		}
		if alike {
			break
		}
	}
	return found
}

func (p *Page) first(element atom.Atom) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == element {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what an element shows, its white space folded.
func text(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}

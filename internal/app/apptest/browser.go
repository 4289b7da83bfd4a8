package apptest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Browser goes through pages as a person's browser does, without script: it keeps
// cookies, follows redirects and sends the forms that it is shown.
type Browser struct {
	server *Server
	client *http.Client
	// Agent is what the browser calls itself.
	Agent string
}

// Browser gives a fresh browser.
func (s *Server) Browser() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only options fail
	}
	return &Browser{server: s, client: &http.Client{Jar: jar, Timeout: time.Minute}, Agent: "Mozilla/5.0 Firefox/140.0"}
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
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.address(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.do(t, req)
}

func (b *Browser) address(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	return b.server.URL + path
}

// Cookies are the ones that the server gave.
func (b *Browser) Cookies() []*http.Cookie {
	u, err := url.Parse(b.server.URL)
	if err != nil {
		panic(err) // the server's own address
	}
	return b.client.Jar.Cookies(u)
}

func (b *Browser) do(t testing.TB, req *http.Request) *Page {
	t.Helper()
	req.Header.Set("User-Agent", b.Agent)
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	source, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	root, err := html.Parse(bytes.NewReader(source))
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	p := &Page{Status: resp.StatusCode, Path: resp.Request.URL.RequestURI(), Header: resp.Header, Source: string(source), url: resp.Request.URL, root: root, browser: b}
	if title := p.first(atom.H1); title != nil {
		p.Title = text(title)
	}
	if main := p.first(atom.Main); main != nil {
		p.Text = text(main)
	}
	return p
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
	form := p.form(action)
	if form == nil {
		t.Fatalf("%s has no form %s:\n%s", p.Path, action, p.Text)
	}
	given := url.Values{}
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && (n.DataAtom == atom.Input || n.DataAtom == atom.Select) && attribute(n, "name") != "" {
			given.Set(attribute(n, "name"), attribute(n, "value"))
		}
	}
	for name := range maps.Keys(values) {
		if !given.Has(name) {
			t.Fatalf("the form %s of %s has no field %q", action, p.Path, name)
		}
		given.Set(name, values[name])
	}
	to, err := p.url.Parse(attribute(form, "action")) // the page may be another server's
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.String(), strings.NewReader(given.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.url.Scheme+"://"+p.url.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return p.browser.do(t, req)
}

// Has tells whether the page has a form with an action.
func (p *Page) Has(action string) bool { return p.form(action) != nil }

// At tells whether the page is one of a server.
func (p *Page) At(server string) bool { return p.url.Scheme+"://"+p.url.Host == server }

// Value is what a field of the page holds.
func (p *Page) Value(field string) string {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == atom.Input && attribute(n, "name") == field {
			return attribute(n, "value")
		}
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

func (p *Page) form(action string) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.DataAtom != atom.Form {
			continue
		}
		if path, _, _ := strings.Cut(attribute(n, "action"), "?"); path == action {
			return n
		}
	}
	return nil
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

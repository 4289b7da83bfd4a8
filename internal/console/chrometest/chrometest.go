// Package chrometest looks at pages with a real browser, for tests of what only a
// browser knows: script, colours, focus, the width of a screen.
package chrometest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// chromes are the names under which systems have a Chromium.
var chromes = []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"}

// Browser is a browser without a window, at one page.
type Browser struct {
	server string
	ctx    context.Context //nolint:containedctx // a browser lives as long as its test
}

// New starts a browser for the server at a URL. `make test` installs one; where there
// is none the test is left out.
func New(t testing.TB, server string) *Browser {
	t.Helper()
	path := ""
	for _, name := range chromes {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium; scripts/install-test-parts installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, done := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(done)
	if err := chromedp.Do(ctx); err != nil { // starts it under a context that lasts
		t.Fatal(err)
	}
	return &Browser{server, ctx}
}

// patience is how long a step may take.
const patience = 20 * time.Second

// Other is a second browser, with cookies of its own.
func (b *Browser) Other(t testing.TB) *Browser {
	t.Helper()
	return New(t, b.server)
}

// Do takes steps, which must succeed.
func (b *Browser) Do(t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Draw(t, "failed")
		t.Fatal(err)
	}
}

// Open goes to a page of the server, and gives the status of the answer.
func (b *Browser) Open(t testing.TB, path string) int64 {
	t.Helper()
	answer, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(b.server+path))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// Follow does what leads to another page, and waits for it.
func (b *Browser) Follow(t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, steps...); err != nil {
		b.Draw(t, "failed")
		t.Fatal(err)
	}
}

// SignIn signs somebody in.
func (b *Browser) SignIn(t testing.TB, email, password string) {
	t.Helper()
	b.Open(t, "/sign-in")
	b.Do(t, chromedp.SetValue("#email", email), chromedp.SetValue("#password", password))
	b.Follow(t, chromedp.Click("form.fields button"))
}

// Ask evaluates an expression in the page; of a promise it gives what that gives.
func Ask[T any](t testing.TB, b *Browser, expression string) T {
	t.Helper()
	answer, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.80s: %v", expression, err)
	}
	return answer
}

// Look is how a page is looked at.
type Look struct {
	Name, Scheme  string
	Width, Height int64
}

// Looks are the ones that every page is drawn for.
var Looks = []Look{{"light", "light", 1280, 800}, {"dark", "dark", 1280, 800}, {"phone", "light", 390, 844}}

// As looks at what follows in a way, without motion.
func (b *Browser) As(t testing.TB, l Look) {
	t.Helper()
	b.Do(t, chromedp.EmulateViewport(l.Width, l.Height))
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		t.Fatal(err)
	}
}

// Picture draws the whole page.
func (b *Browser) Picture(t testing.TB) []byte {
	t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// Draw keeps a picture of the page in the folder that GUILDHALL_SCREENSHOTS names, if any.
func (b *Browser) Draw(t testing.TB, name string) {
	t.Helper()
	folder := os.Getenv("GUILDHALL_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(folder+"/"+name+".png", b.Picture(t), 0o600); err != nil {
		t.Error(err)
	}
}

package chrometest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/console/chrometest"
)

// TestScript: what our script adds to the pages, by keyboard where that is how.
func TestScript(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	jane := s.Person(t, "jane@example.com")
	acme := jane.Organization(t, "Acme")
	b := chrometest.New(t, s.URL)
	b.As(t, chrometest.Looks[0])
	b.SignIn(t, jane.Email, apptest.Password)
	is := func(what, expression string) {
		t.Helper()
		if !chrometest.Ask[bool](t, b, expression) {
			b.Draw(t, "script")
			t.Errorf("%s: not %s", what, expression)
		}
	}

	// A new project: Enter on the link opens the dialog, typing and Enter make it.
	b.Open(t, console.At(acme, "projects"))
	b.Do(t, chromedp.Focus("main a[data-dialog]"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("dialog #name"))
	is("the dialog", `document.querySelector("dialog").open && document.activeElement.id === "name"`)
	b.Do(t, chromedp.KeyEvent("Shop"))
	b.Follow(t, chromedp.KeyEvent(kb.Enter))
	is("the toast", `document.querySelector(".toast").textContent.includes("Shop")`)

	// Escape closes a menu and gives the focus back; a dialog's Cancel gives it to the link.
	b.Do(t, chromedp.Focus("td.more summary"), chromedp.KeyEvent(kb.Enter))
	is("the menu", `document.querySelector("td.more details").open`)
	b.Do(t, chromedp.KeyEvent(kb.ArrowDown))
	is("the arrow", `document.activeElement.textContent === "Rename"`)
	b.Do(t, chromedp.KeyEvent(kb.Escape))
	is("Escape", `!document.querySelector("td.more details").open && document.activeElement.tagName === "SUMMARY"`)

	// The palette: Ctrl-K, a few letters, Enter, and the other rail's pages are in it too.
	b.Do(t, chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), chromedp.WaitVisible("dialog.palette input"))
	is("the palette", `document.activeElement.getAttribute("role") === "combobox" && document.querySelector("#palette-list li[aria-selected=true]").id === document.activeElement.getAttribute("aria-activedescendant")`)
	for _, v := range chrometest.NewChecker(t).Check(t, b) {
		t.Errorf("the palette: %s: %s\n%s", v.Rule, v.Help, strings.Join(v.Where, "\n"))
	}
	b.Draw(t, "palette")
	b.Do(t, chromedp.KeyEvent("nothing"))
	is("nothing found", `document.querySelector(".palette p").textContent !== "" && document.querySelector("#palette-list").hidden`)
	b.Do(t, chromedp.KeyEvent(kb.Escape))
	is("the palette's end", `!document.querySelector("dialog[open]")`)

	// The name of an organization is checked while it is typed.
	b.Open(t, "/console/organizations/new")
	b.Do(t, chromedp.SendKeys("#name", "ACME"), chromedp.WaitVisible("#name-check.bad"))
	is("the taken name", `document.querySelector("#name-check").textContent === "This name is taken."`)
	b.Do(t, chromedp.SendKeys("#name", " 2"), chromedp.WaitVisible("#name-check.good"))

	// The button waits until what has to be typed is right.
	b.Open(t, "/console/design")
	is("the confirmation", `document.querySelector("button.danger:not([type])").disabled`)
	b.Do(t, chromedp.SendKeys("#confirm", "Acme"))
	is("the confirmation", `!document.querySelector("button.danger:not([type])").disabled`)

	// A choice of theme holds against the system's.
	b.Follow(t, chromedp.Evaluate[chromedp.Void](`document.querySelector("button[name=theme][value=dark]").click()`))
	is("the theme", `document.documentElement.dataset.theme === "dark" && getComputedStyle(document.body).colorScheme === "dark"`)

	// The session ends in the middle of a form: it goes on by itself.
	b.Open(t, console.At(acme, "projects/new"))
	b.Do(t, chromedp.SendKeys("#name", "Late"))
	s.Clock.Advance(31 * 24 * time.Hour)
	b.Follow(t, chromedp.KeyEvent(kb.Enter))
	b.Do(t, chromedp.SetValue("#email", jane.Email), chromedp.SetValue("#password", apptest.Password))
	b.Do(t, chromedp.Click("form.fields button"), chromedp.WaitVisible("td.name"))
	is("the form that waited", `document.querySelector("main").textContent.includes("Late")`)

	// On a phone the rail is a sheet.
	b.As(t, chrometest.Looks[2])
	is("the rail", `getComputedStyle(document.querySelector(".rail")).display === "none"`)
	b.Do(t, chromedp.Click(".opener"), chromedp.WaitVisible(".rail"))
}

// TestChecker: axe does find what is wrong, or its silence would say nothing.
func TestChecker(t *testing.T) {
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{})
	b := chrometest.New(t, s.URL)
	b.Open(t, "/sign-in")
	chrometest.Ask[bool](t, b, `document.querySelector("label").remove(), document.querySelector("h1").style.color = "#bbb", true`)
	var rules []string
	for _, v := range chrometest.NewChecker(t).Check(t, b) {
		rules = append(rules, v.Rule)
	}
	if all := strings.Join(rules, " "); !strings.Contains(all, "label") {
		t.Errorf("axe finds %q", all)
	}
}

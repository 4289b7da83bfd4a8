package plan_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/plan"
)

func builtIn(t testing.TB) *plan.Catalogue {
	t.Helper()
	c, err := plan.Load("")
	if err != nil {
		t.Fatalf("the built-in plans: %v", err)
	}
	return c
}

// TestBuiltIn holds the built-in file to what was decided about the plans.
func TestBuiltIn(t *testing.T) {
	c := builtIn(t)
	for name, want := range map[string]struct {
		members, retention int // 0 members: unlimited
		legacy, offered    bool
	}{
		"FREE":              {1, 3, true, true},
		"USER_2025":         {2, 3, false, true},
		"TEAM_2025":         {10, 7, false, true},
		"BUSINESS_2025":     {30, 30, false, true},
		"ENTERPRISE_2025":   {0, 365, false, true},
		"TEAM":              {10, 7, true, false},
		"TEAM_YEARLY":       {10, 7, true, false},
		"PROFESSIONAL":      {10, 7, true, false},
		"BUSINESS":          {30, 30, true, false},
		"ENTERPRISE":        {0, 365, true, false},
		"ENTERPRISE_YEARLY": {0, 365, true, false},
	} {
		p, ok := c.Get(name)
		if !ok || p.Name != name || p.Members != want.members || p.RetentionDay != want.retention || p.Legacy != want.legacy || p.Offered != want.offered {
			t.Errorf("%s is %+v, want %+v", name, p, want)
		}
		if p.Retention() != time.Duration(want.retention)*24*time.Hour {
			t.Errorf("%s: the activity can be read for %s", name, p.Retention())
		}
		if p.Display == "" || p.Includes == "" {
			t.Errorf("%s has no words for people: %+v", name, p)
		}
		if alias := slices.Contains(p.Aliases, "COMMUNITY"); alias != (name == "FREE") {
			t.Errorf("%s is shown as COMMUNITY: %t", name, alias)
		}
	}
	if len(c.All()) != len(plan.Names) || len(plan.Names) != 11 {
		t.Errorf("%d plans, %d names; the contract has 11", len(c.All()), len(plan.Names))
	}
	for _, unknown := range []string{"", "free", "COMMUNITY", "GOLD"} {
		if _, ok := c.Get(unknown); ok {
			t.Errorf("%q is a plan", unknown)
		}
	}
}

// file writes the built-in plans as an operator changed them.
func file(t testing.TB, edit func(list []map[string]any) []map[string]any) string {
	t.Helper()
	text, err := json.Marshal(builtIn(t).All())
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(map[string]any{"plans": edit(list)}); err != nil {
		t.Fatal(err)
	}
	return write(t, string(text))
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplaced(t *testing.T) {
	c, err := plan.Load(file(t, func(list []map[string]any) []map[string]any {
		slices.Reverse(list)
		for _, p := range list {
			if p["name"] == "FREE" {
				p["members"], p["audit_logs_retention_in_days"], p["price_in_cents_per_month"] = 5, 3650, nil
			}
		}
		return list
	}))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := c.Get("FREE"); p.Members != 5 || p.RetentionDay != 3650 || p.PriceInCents != nil {
		t.Errorf("FREE is %+v", p)
	}
	mine, theirs := c.All(), builtIn(t).All()
	if mine[0].Name != theirs[len(theirs)-1].Name {
		t.Errorf("the file's order is lost: %s comes first", mine[0].Name)
	}
	mine[0].Members = 99
	if p, _ := c.Get(mine[0].Name); p.Members == 99 || c.All()[0].Members == 99 {
		t.Error("who lists the plans can change them")
	}
}

func TestRefused(t *testing.T) {
	set := func(field string, value any) func(list []map[string]any) []map[string]any {
		return func(list []map[string]any) []map[string]any { list[3][field] = value; return list }
	}
	name := builtIn(t).All()[3].Name
	for what, c := range map[string]struct {
		path string
		want string // part of the error
	}{
		"a missing plan":   {file(t, func(l []map[string]any) []map[string]any { return slices.Delete(l, 3, 4) }), name + " is missing"},
		"no plan":          {file(t, func([]map[string]any) []map[string]any { return nil }), "is missing"},
		"an unknown plan":  {file(t, set("name", "GOLD")), `"GOLD" is not a plan`},
		"another case":     {file(t, set("name", strings.ToLower(name))), "is not a plan"},
		"a plan twice":     {file(t, func(l []map[string]any) []map[string]any { return append(l, l[3]) }), name + " is there twice"},
		"below zero":       {file(t, set("members", -1)), name + ": a limit is below zero"},
		"clusters below 0": {file(t, set("managed_clusters", -1)), name + ": a limit is below zero"},
		"no retention":     {file(t, set("audit_logs_retention_in_days", 0)), name + ": audit_logs_retention_in_days"},
		"endless":          {file(t, set("audit_logs_retention_in_days", 3651)), name + ": audit_logs_retention_in_days"},
		"a word":           {file(t, set("members", "many")), "members"},
		"half a member":    {file(t, set("members", 1.5)), "members"},
		"a mistyped field": {file(t, set("member", 1)), `"member"`},
		"no JSON":          {write(t, "plans: []"), "invalid character"},
		"nothing":          {write(t, ""), "EOF"},
		"two objects":      {write(t, text(t, file(t, func(l []map[string]any) []map[string]any { return l }))+"{}"), "behind"},
		"no file":          {filepath.Join(t.TempDir(), "none.json"), "none.json"},
	} {
		_, err := plan.Load(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q and the file's name", what, err, c.want)
		}
	}
}

func text(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

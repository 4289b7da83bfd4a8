package authz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/id"
)

// constants reads the permissions that permission.go declares.
func constants(t *testing.T) []Permission {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "permission.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []Permission
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Permission" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, Permission(text))
		}
		return true
	})
	return list
}

// TestEveryPermission: a permission that no table decides would be refused to everybody.
func TestEveryPermission(t *testing.T) {
	declared := constants(t)
	if len(declared) < 30 {
		t.Fatalf("only %d permissions were found in permission.go", len(declared))
	}
	for _, p := range declared {
		places := 0
		if slices.Contains(permissions, p) {
			places++
		}
		if _, ok := accountLevel[p]; ok {
			places++
		}
		if p == Public {
			places++
		}
		if places != 1 {
			t.Errorf("%s stands in %d of: the matrix, the account level, Public; want one", p, places)
		}
	}
	for i, p := range permissions {
		if !slices.Contains(declared, p) {
			t.Errorf("the matrix has the row %s, which is no permission", p)
		}
		if slices.Contains(permissions[:i], p) {
			t.Errorf("the matrix has the row %s twice", p)
		}
		if !roles[Owner].grants[p].has(NoMode) || !roles[Owner].grants[p].has(Production) {
			t.Errorf("the owner lacks %s: nobody could ever grant it", p)
		}
	}
	for kind, p := range seeing {
		if !slices.Contains(permissions, p) {
			t.Errorf("%s is shown by %s, which is not in the matrix", kind, p)
		}
	}
	for p := range accountLevel {
		if !slices.Contains(declared, p) {
			t.Errorf("the account level has %s, which is no permission", p)
		}
	}
}

// TestSeesWhatItMayTouch: a role that may do something to a thing also sees it.
func TestSeesWhatItMayTouch(t *testing.T) {
	of := map[string]Kind{"project": KindProject, "environment": KindEnvironment, "application": KindApplication, "database": KindDatabase, "cluster": KindCluster, "api_token": KindAPIToken}
	for _, name := range RoleNames {
		for p, modes := range roles[name].grants {
			resource, _, _ := strings.Cut(string(p), ".")
			kind, ok := of[resource]
			if !ok || p == ProjectCreate {
				continue
			}
			for _, m := range Modes {
				if modes.has(m) && !roles[name].grants[seeing[kind]].has(m) {
					t.Errorf("%s has %s in mode %q and does not see the %s", name, p, m, kind)
				}
			}
		}
	}
}

func TestModeSets(t *testing.T) {
	for text, set := range map[string]modeSet{
		"no": nowhere, "yes": everywhere, "dev": everywhere &^ bit(Production) &^ bit(NoMode),
		"2 modes (preview, production)": bit(Preview) | bit(Production),
	} {
		if set.String() != text {
			t.Errorf("%05b reads %q, want %q", set, set, text)
		}
	}
	if bit("development") != 0 || everywhere.has("development") || everywhere.has("NONSENSE") {
		t.Error("a mode that is none of ours is allowed")
	}
	for i, m := range Modes {
		if bit(m) != 1<<i || !everywhere.has(m) || nowhere.has(m) {
			t.Errorf("mode %q is bit %05b", m, bit(m))
		}
	}
}

func TestBrokenMatrix(t *testing.T) {
	for name, text := range map[string]string{
		"a column too few": "project.read yes yes yes yes yes",
		"no cell":          "project.read yes yes yes yes yes maybe",
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the matrix is taken", name)
				}
			}()
			parseMatrix(text)
		}()
	}
}

// TestRoleIDs: clients keep role ids in their configuration, so they never change.
func TestRoleIDs(t *testing.T) {
	const acme, other = id.Organization("0195a000-0000-7000-8000-00000000acae"), id.Organization("0195a000-0000-7000-8000-000000000b0b")
	golden := map[RoleName]id.Role{
		Owner: "8c3b52c9-2209-5d67-b10c-84d2d934f0bb", Admin: "04898213-ca21-522e-8e91-65a2c2633238",
		DevOps: "690a82bb-3bca-5b9e-b019-e7b3e72c7d95", Developer: "d8a2826d-2dc1-5959-a5f6-99d05cc77c1c",
		Billing: "aaec0675-3f9d-5b0a-aacc-f7968eaf9a5f", Viewer: "a21d809f-7a83-5111-8a38-b9ec30094d2e",
	}
	seen := map[id.Role]bool{}
	for _, name := range RoleNames {
		role := roles[name]
		if got := role.ID(acme); got != golden[name] {
			t.Errorf("%s has the id %s, want %s as ever", name, got, golden[name])
		}
		for _, organization := range []id.Organization{acme, other} {
			roleID := role.ID(organization)
			if _, ok := id.Parse[id.Role](string(roleID)); !ok || seen[roleID] {
				t.Errorf("%s in %s: the id %s is no UUID, or somebody else's", name, organization, roleID)
			}
			seen[roleID] = true
			if found, err := FindRole(nil, organization, "role_id", roleID); err != nil || found != role {
				t.Errorf("%s in %s is not found by its id", name, organization)
			}
		}
	}
	if _, ok := LookupRole("owner"); ok {
		t.Error("role names are found whatever their case")
	}
}

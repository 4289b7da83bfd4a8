package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// secretWord finds what is named like a secret.
var secretWord = regexp.MustCompile(`(?i)secret|password|passphrase|token|mac$|digest|hash|nonce|verifier|credential$`)

// harmless are comparisons of what is named like a secret and is none, or is not an outsider's to guess.
var harmless = map[string]string{
	"audit/verify.go":   "digests of the record, computed here from what the database holds",
	"audit/file.go":     "digests of an exported file, which its reader has",
	"audit/noted.go":    "digests that were noted, which are public",
	"audit/redact.go":   "digests of the record, computed here from what the database holds",
	"access/foresee.go": "the name of an action",
	"store/rekey.go":    "signatures of heads, read from the database",
	"authn/apitoken.go": "a checksum, which is no secret",
	"authn/breached.go": "hashes of a public list",
	"authn/password.go": "a new password with its own account's address",
}

// TestSecretsCompared: what is named like a secret is compared with nothing but the empty text. It is looked up by its hash, or compared by
// crypto/subtle or crypto/hmac: how long == takes says how much of a guess was right.
func TestSecretsCompared(t *testing.T) {
	found, used := 0, map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || isTest(filepath.Dir(path)) {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			a, b := compared(n)
			if a == nil || !(secretWord.MatchString(name(a)) || secretWord.MatchString(name(b))) || constant(a) || constant(b) {
				return true
			}
			for prefix := range harmless {
				if strings.HasPrefix(filepath.ToSlash(path), prefix) {
					used[prefix] = true
					return true
				}
			}
			found++
			t.Errorf("%s compares %s with %s: use subtle.ConstantTimeCompare, or look it up by its hash", files.Position(n.Pos()), name(a), name(b))
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix := range harmless {
		if !used[prefix] {
			t.Errorf("nothing in %s compares anything that is named like a secret: take it off the list", prefix)
		}
	}
	// It finds what is there to find.
	for text, want := range map[string]bool{"given == wantToken": true, "bytes.Equal(mac, want)": true, `token == ""`: false, "secret != nil": false, "len(token) == 5": false, "n == m": false, "x.kind == hashKind()": true} {
		e, err := parser.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		a, b := compared(e)
		if got := (secretWord.MatchString(name(a)) || secretWord.MatchString(name(b))) && !constant(a) && !constant(b); got != want {
			t.Errorf("%s: found %t, want %t", text, got, want)
		}
	}
}

// compared gives the two sides of a comparison that takes as long as they are alike.
func compared(n ast.Node) (a, b ast.Expr) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			return n.X, n.Y
		}
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || len(n.Args) != 2 {
			return nil, nil
		}
		of, _ := s.X.(*ast.Ident)
		if of != nil && ((of.Name == "bytes" && (s.Sel.Name == "Equal" || s.Sel.Name == "Compare")) || (of.Name == "strings" && s.Sel.Name == "EqualFold")) {
			return n.Args[0], n.Args[1]
		}
	}
	return nil, nil
}

// name is what an operand is called.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		if f := name(e.Fun); f != "len" {
			return f
		}
	case *ast.SliceExpr:
		return name(e.X)
	case *ast.IndexExpr:
		return name(e.X)
	case *ast.StarExpr:
		return name(e.X)
	}
	return ""
}

// constant tells an operand that is no secret: a literal, nil, a number, a constant of a type.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "APIToken" || e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.SelectorExpr:
		return e.Sel.Name == "APIToken" // a kind of actor
	}
	return false
}

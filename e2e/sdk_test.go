package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/httpd"
)

// TestSDK drives the program through the public TypeScript SDK: every operation of
// the contract that we serve, with both schemes. sdk/drive.ts is compiled against
// the SDK's types, so requests fit them; its answers are held against them.
func TestSDK(t *testing.T) {
	driver := buildDriver(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, engine)
			s := p.serve(t)
			jane := fields(t, p.must(t, "admin", "user", "create", "--json", "--email=jane@example.com", "--password="+password).out)
			joe := fields(t, p.must(t, "admin", "user", "create", "--json", "--email=joe@example.com", "--password="+password).out)
			for _, scheme := range []string{"Bearer", "Token"} {
				t.Run(scheme, func(t *testing.T) {
					out := node(t, driver, []string{"URL=" + s.URL, "SCHEME=" + scheme, "JANE=" + jane["access_token"], "JOE=" + joe["access_token"]}, "built/drive.js")
					driven(t, out)
				})
			}
			finish(t, s)
		})
	}
}

// buildDriver installs the SDK as the lock file says and compiles the driver, in a
// folder of its own so that the source stays as it is.
func buildDriver(t *testing.T) string {
	t.Helper()
	for _, part := range []string{"node", "npm"} {
		if _, err := exec.LookPath(part); err != nil {
			t.Fatalf("%v; scripts/install-test-parts installs it", err)
		}
	}
	dir := t.TempDir()
	for _, pattern := range []string{"*.json", "*.ts", "*.mjs"} {
		files, err := filepath.Glob(filepath.Join("sdk", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("sdk/%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What a package would run at its installation is not needed; what was fetched once is not fetched again.
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	node(t, dir, nil, "build.mjs")
	node(t, dir, nil, "built/shapes_check.js")
	return dir
}

// node runs a script, which must succeed, and gives what it printed.
func node(t *testing.T, dir string, env []string, script string) string {
	t.Helper()
	cmd := exec.Command("node", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("node %s: %v\n%s\n%s", script, err, problems.String(), out.String())
	}
	return out.String()
}

// driven holds the driver's report against the route table.
func driven(t *testing.T, report string) {
	t.Helper()
	statuses := map[string]int{} // of the operations that are served, by the table
	for _, op := range httpd.Table() {
		if !op.Own {
			statuses[op.ID] = op.Status
		}
	}
	called, refusals := map[string]bool{}, map[int]bool{}
	for line := range strings.Lines(report) {
		var call struct {
			Operation string
			Status    int
			Problems  []string
			Refusal   map[string]any
		}
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			t.Fatalf("the driver printed %q: %v", line, err)
		}
		if call.Refusal != nil {
			refusals[call.Status] = true
			for _, field := range []string{"status", "error", "code", "message", "detail", "errors", "path", "timestamp", "request_id"} {
				if call.Refusal[field] == nil {
					t.Errorf("%s: the refusal that the SDK gives has no %s: %s", call.Operation, field, line)
				}
			}
			continue
		}
		called[call.Operation] = true
		if want, served := statuses[call.Operation]; !served || call.Status != want {
			t.Errorf("%s answers %d; the route table says %d (served: %v)", call.Operation, call.Status, want, served)
		}
		for _, problem := range call.Problems {
			t.Errorf("%s does not fit the SDK's types: %s", call.Operation, problem)
		}
	}
	for operation := range statuses {
		if !called[operation] {
			t.Errorf("%s is served, and nothing calls it through the SDK: add a call to e2e/sdk/drive.ts", operation)
		}
	}
	for _, status := range []int{400, 401, 403, 404, 409} {
		if !refusals[status] {
			t.Errorf("the driver meets no refusal with %d", status)
		}
	}
}

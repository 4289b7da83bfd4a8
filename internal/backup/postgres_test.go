package backup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/backup"
)

// TestPassword: PostgreSQL's programs get the password where other users of the
// machine cannot see it, and nothing that only our driver understands.
func TestPassword(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + dir + "/args\nenv > " + dir + "/env\n"
	if err := os.WriteFile(filepath.Join(dir, "pg_dump"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("GUILDHALL_DATABASE_URL", "postgres://jane:s3cret-word@db/guildhall")
	for _, address := range []string{
		"postgres://jane:s3cret-word@db.example.com:5433/guildhall?sslmode=require&default_query_exec_mode=exec&connect_timeout=5",
		"postgresql://jane@db.example.com:5433/guildhall?password=s3cret-word&sslmode=require&connect_timeout=5&pool_max_conns=4",
	} {
		if err := backup.Dump(t.Context(), address, "out"); err != nil {
			t.Fatal(err)
		}
		args, err := os.ReadFile(filepath.Join(dir, "args"))
		if err != nil {
			t.Fatal(err)
		}
		env, err := os.ReadFile(filepath.Join(dir, "env"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(args), "s3cret") || !strings.Contains(string(args), "//jane@db.example.com:5433/guildhall?connect_timeout=5&sslmode=require\n") {
			t.Errorf("called with %s", args)
		}
		if !strings.Contains(string(env), "PGPASSWORD=s3cret-word\n") || strings.Contains(string(env), "GUILDHALL_") {
			t.Errorf("in the environment %s", env)
		}
	}
	for _, address := range []string{"host=db password=s3cret-word", "postgres://jane:s3cret-word@db:port/x", "mysql://jane:s3cret-word@db/x"} {
		if err := backup.Dump(t.Context(), address, "out"); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestTools: the newest of several is taken, and where there is none it is said what
// to install.
func TestTools(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	dir := t.TempDir()
	backup.Installed(t, dir)
	err := backup.Dump(t.Context(), "postgres://db/x", "out")
	if err == nil || !strings.Contains(err.Error(), "install PostgreSQL's client programs (postgresql-client)") {
		t.Errorf("without any: %v", err)
	}
	for _, version := range []string{"9", "15", "17"} {
		bin := filepath.Join(dir, version, "bin")
		if err := os.MkdirAll(bin, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "pg_dump"), []byte("#!/bin/sh\necho I am "+version+" >&2\nexit 1\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := backup.Dump(t.Context(), "postgres://db/x", "out"); err == nil || !strings.Contains(err.Error(), "I am 17") {
		t.Errorf("of three: %v", err)
	}
}

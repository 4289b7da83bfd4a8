package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoTools says that PostgreSQL's own programs are missing.
type ErrNoTools struct{ Program string }

func (e *ErrNoTools) Error() string {
	return e.Program + " of PostgreSQL is neither in PATH nor in /usr/lib/postgresql: install PostgreSQL's client programs (postgresql-client), of the server's version or newer"
}

// installed is where packages put PostgreSQL's programs, a directory a version.
var installed = "/usr/lib/postgresql"

// tool finds a program of PostgreSQL, the newest where there are several.
func tool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join(installed, "*", "bin", name))
	if err != nil || len(found) == 0 {
		return "", &ErrNoTools{name}
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(major(a), major(b)) }), nil
}

func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// libpq are the parameters of a URL that PostgreSQL's programs understand; the others
// are for our own driver.
var libpq = []string{
	"host", "hostaddr", "port", "user", "dbname", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslsni", "passfile", "service",
	"channel_binding", "connect_timeout", "options", "application_name", "target_session_attrs", "gssencmode", "krbsrvname", "keepalives",
}

// connection splits a URL into what may stand on a command line and what may not.
func connection(address string) (public, password string, err error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", "", errors.New("the address of PostgreSQL must look like postgres://user:password@host/name") // the error would show the password
	}
	if u.User != nil {
		password, _ = u.User.Password()
		u.User = url.User(u.User.Username())
	}
	given, kept := u.Query(), url.Values{}
	for name, values := range given {
		switch {
		case name == "password":
			password = values[0]
		case slices.Contains(libpq, name):
			kept[name] = values
		}
	}
	u.RawQuery = strings.ReplaceAll(kept.Encode(), "+", "%20") // libpq takes a plus literally
	return u.String(), password, nil
}

// runTool runs one of PostgreSQL's programs on a database.
func runTool(ctx context.Context, address, name string, args ...string) error {
	program, err := tool(name)
	if err != nil {
		return err
	}
	public, password, err := connection(address)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, append(args, "--dbname="+public)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GUILDHALL_") })
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	cmd.Env = append(cmd.Env, "PGCLIENTENCODING=UTF8")
	var problems strings.Builder
	cmd.Stderr = &limited{out: &problems, left: 4 << 10}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(problems.String()))
	}
	return nil
}

// limited keeps the beginning of what a program says.
type limited struct {
	out  *strings.Builder
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.left -= n
	l.out.Write(b[:n])
	return len(b), nil
}

func dump(ctx context.Context, address, file string) error {
	return runTool(ctx, address, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-password", "--file="+file)
}

func load(ctx context.Context, address, file string) error {
	return runTool(ctx, address, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password", file)
}

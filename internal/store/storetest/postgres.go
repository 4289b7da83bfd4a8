// Package storetest starts real databases for tests: a throwaway PostgreSQL
// cluster per test binary, a database of its own per test.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Cluster is a running PostgreSQL that lives as long as the test binary.
type Cluster struct {
	bin     string // the directory of PostgreSQL's programs
	args    []string
	who     *syscall.Credential
	process *process
	port    int
	dir     string
	mu      sync.Mutex
	next    int
	// templates are databases that were prepared once and are copied since.
	templates map[string]string
}

var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Shared is the test binary's cluster; it does not sync to disk. It is started at
// the first call; without PostgreSQL's programs the test fails and says how to get them.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = start(false) })
	if shared.err != nil {
		t.Fatalf("PostgreSQL could not be started (make test installs it; or: apt-get install postgresql): %v", shared.err)
	}
	return shared.cluster
}

// Durable starts a cluster of its own that syncs as in production, for crash tests.
// It ends with the test.
func Durable(t testing.TB) *Cluster {
	t.Helper()
	c, err := start(true)
	if err != nil {
		t.Fatalf("PostgreSQL could not be started (make test installs it; or: apt-get install postgresql): %v", err)
	}
	t.Cleanup(func() {
		c.Kill(t)
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	return c
}

// programs finds the directory of initdb and postgres.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path) // the other programs are where it really is
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("initdb is neither in PATH nor in /usr/lib/postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// identity gives who runs the server: PostgreSQL refuses to run as root.
func identity() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no other identity is needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func start(durable bool) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	who, err := identity()
	if err != nil {
		return nil, err
	}
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && !durable {
		parent = "/dev/shm"
	}
	removeDead(parent)
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("guildhall-test-%d-", os.Getpid()))
	if err != nil {
		return nil, err
	}
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8", "-E", "UTF8")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"-D", data, "-k", dir, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "shared_buffers=64MB"}
	if !durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	c := &Cluster{bin: bin, args: args, who: who, port: port, dir: dir, templates: map[string]string{}}
	if c.process, err = launch(filepath.Join(bin, "postgres"), args, dir, who); err != nil {
		return nil, err
	}
	return c, c.wait()
}

// process is the running server; ended is closed when it is gone.
type process struct {
	pid   int
	ended chan struct{}
}

// launch starts the server so that it ends with the test binary, even when that is
// killed. The kernel ties the signal to the thread, which is therefore kept.
func launch(program string, args []string, dir string, who *syscall.Credential) (*process, error) {
	started := make(chan error)
	p := &process{ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			started <- err
			return
		}
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT}
		cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
		err = cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.ended)
		}
	}()
	return p, <-started
}

func (c *Cluster) wait() error {
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if err = db.Ping(); err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond) // waiting for another process, not for our own
	}
}

// removeDead clears what test binaries that were killed have left.
func removeDead(parent string) {
	if parent == "" {
		parent = os.TempDir()
	}
	old, _ := filepath.Glob(filepath.Join(parent, "guildhall-test-*"))
	for _, dir := range old {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "guildhall-test-%d-", &pid); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(dir)
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// URL is the address of a database of the cluster.
func (c *Cluster) URL(name string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/" + name}
	return u.String()
}

// Empty makes an empty database and drops it after the test.
func (c *Cluster) Empty(t testing.TB) string {
	t.Helper()
	name := c.name("test")
	c.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { c.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return c.URL(name)
}

// Prepared makes a database as prepare leaves it; prepare runs once per cluster and key.
func (c *Cluster) Prepared(t testing.TB, key string, prepare func(url string) error) string {
	t.Helper()
	c.mu.Lock()
	template, ok := c.templates[key]
	if !ok {
		c.next++
		template = fmt.Sprintf("template_%d", c.next)
		c.templates[key] = template
		c.exec(t, "CREATE DATABASE "+template)
		if err := prepare(c.URL(template)); err != nil {
			c.mu.Unlock()
			t.Fatalf("prepare the template database: %v", err)
		}
	}
	c.mu.Unlock()
	name := c.name("test")
	c.exec(t, "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() { c.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return c.URL(name)
}

func (c *Cluster) name(prefix string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return fmt.Sprintf("%s_%d", prefix, c.next)
}

func (c *Cluster) exec(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

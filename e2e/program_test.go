// Package e2e_test runs the program as it is shipped: one binary, real databases,
// real signals.
package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

// program is the path of the binary under test.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "guildhall-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "guildhall")
	code := 1
	build := exec.Command("go", "build", "-o", program, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// patience bounds every wait for the program; a test that needs it has failed.
const patience = 2 * time.Minute

// place is where a Guildhall keeps its data, and how a command is told.
type place struct {
	home string // the home directory of whoever runs the program
	flag string // --data=… or --database-url=…
	url  string // PostgreSQL's, empty for SQLite
}

var engines = []string{"sqlite", "postgres"}

// newPlace makes an empty one.
func newPlace(t *testing.T, engine string) place {
	t.Helper()
	p := place{home: t.TempDir()}
	p.flag = "--data=" + p.data()
	if engine == "postgres" {
		p.url = storetest.Shared(t).Empty(t)
		p.flag = "--database-url=" + p.url
	}
	return p
}

// data is the data directory; the master key's file is named after it, whatever the database.
func (p place) data() string   { return filepath.Join(p.home, ".local", "share", "guildhall") }
func (p place) key() string    { return p.data() + ".key" }
func (p place) sqlite() string { return filepath.Join(p.data(), "guildhall.db") }

// environment has nothing of the developer's own settings.
func (p place) environment() []string {
	return []string{"HOME=" + p.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
}

// outcome is what a command that has ended left.
type outcome struct {
	out, err string
	code     int
}

// run runs a command to its end; the place's flag is added.
func (p place) run(t *testing.T, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(program, append(args, p.flag)...)
	cmd.Env = p.environment()
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return outcome{out.String(), problems.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that succeeds and says nothing on its standard error.
func (p place) must(t *testing.T, args ...string) outcome {
	t.Helper()
	o := p.run(t, args...)
	if o.code != 0 || o.err != "" {
		t.Fatalf("guildhall %s: exit %d\n%s%s", strings.Join(args, " "), o.code, o.out, o.err)
	}
	return o
}

// output gathers what a process writes, for readers at any time.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// server is a running guildhall serve.
type server struct {
	URL      string
	process  *os.Process
	out, log output
	lines    chan string   // of its standard output; closed at its end
	ended    chan struct{} // closed when it has exited
	state    *os.ProcessState
}

var listens = regexp.MustCompile(`^Guildhall listens on (https?://\S+) \(`)

// launch starts a server and waits until it says where it listens.
func launch(env []string, args ...string) (*server, error) {
	cmd := exec.Command(program, append([]string{"serve", "--listen=127.0.0.1:0", "--log-format=json"}, args...)...)
	cmd.Env = env
	s := &server{lines: make(chan string, 100), ended: make(chan struct{})}
	cmd.Stderr = &s.log
	// It dies with the tests, even when those are killed; the kernel ties that to the thread.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err != nil {
			return
		}
		lines := bufio.NewScanner(io.TeeReader(out, &s.out))
		for lines.Scan() {
			s.lines <- lines.Text()
		}
		close(s.lines)
		_ = cmd.Wait() // its state says the same
		s.state = cmd.ProcessState
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	where, err := s.line(listens)
	if err != nil {
		s.kill()
		return nil, err
	}
	s.URL = where
	return s, nil
}

// line waits for a line of the standard output, and gives the part that it names.
func (s *server) line(pattern *regexp.Regexp) (string, error) {
	late := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				<-s.ended
				return "", fmt.Errorf("the server ended: %v\n%s%s", s.state, s.out.String(), s.log.String())
			}
			if found := pattern.FindStringSubmatch(line); found != nil {
				return found[len(found)-1], nil
			}
		case <-late:
			return "", fmt.Errorf("the server did not print %s\n%s%s", pattern, s.out.String(), s.log.String())
		}
	}
}

// kill ends the server as kill -9 does, and waits until it is gone.
func (s *server) kill() {
	_ = s.process.Kill() // it may have ended
	<-s.ended
}

// stop asks the server to end and gives its exit code.
func (s *server) stop() (int, error) {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return s.wait()
}

func (s *server) wait() (int, error) {
	select {
	case <-s.ended:
		return s.state.ExitCode(), nil
	case <-time.After(patience):
		return 0, fmt.Errorf("the server does not end\n%s", s.log.String())
	}
}

// serve starts a server at the place; it is killed after the test at the latest.
func (p place) serve(t *testing.T, args ...string) *server {
	t.Helper()
	s, err := launch(p.environment(), append(args, p.flag)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

// finish stops a server, which must end well.
func finish(t *testing.T, s *server) {
	t.Helper()
	if code, err := s.stop(); code != 0 || err != nil {
		t.Fatalf("the server ended with %d (%v)\n%s", code, err, s.log.String())
	}
}

// until repeats what waits for another process, until it succeeds.
func until(try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond) // the other process has no way to tell us
	}
}

package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the list of commands in the guides that are not run")

// TestGuides runs every command of the README and of docs/guide, file by file and
// in order, as a reader would: one shell a file, on a scratch machine. A fenced
// block says how by the words behind its fence:
//
//	sh                  is run; any command that fails, fails the test
//	sh source           is run in the source tree
//	sh background       is run until the next of its kind or the end; it is a server, and waited for
//	LANGUAGE file=PATH  is a file that the reader writes
//	console             cannot be run here; <!-- not run: REASON --> stands above it
//	json, text          is what a command prints
//
// What a reader does in a browser, or sees, stands in a comment, <!-- test … -->, as
// commands; $LOG is what the last server printed. Every other block needs a reason
// like console's. All reasons are listed in testdata/guides.golden.
func TestGuides(t *testing.T) {
	database := storetest.Shared(t)
	var excused, files []string
	for _, pattern := range []string{"../README.md", "../docs/guide/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		g := readGuide(t, file)
		excused = append(excused, g.excused...)
		t.Run(strings.TrimPrefix(file, "../"), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, database.Empty(t))
			m.follow(t, g)
			m.checkUnits(t)
			m.checkContainer(t)
		})
	}
	golden := filepath.Join("testdata", "guides.golden")
	list := strings.Join(excused, "")
	if *update {
		if err := os.WriteFile(golden, []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if list != string(want) {
		t.Errorf("the commands that no test runs are not those of %s; look whether each must be, then run go test ./e2e -run Guides -update:\n%s", golden, list)
	}
}

// guide is a document with commands.
type guide struct {
	file    string
	blocks  []block
	excused []string // blocks that are not run, each with its reason
}

type block struct {
	line  int
	words []string // behind the fence
	text  string
}

func (b block) has(word string) bool { return slices.Contains(b.words, word) }

// target is where the block is written to, empty if it is no file.
func (b block) target() string {
	for _, word := range b.words {
		if path, ok := strings.CutPrefix(word, "file="); ok {
			return path
		}
	}
	return ""
}

var (
	fence   = regexp.MustCompile("^\\s*(```|~~~)")
	excuse  = regexp.MustCompile(`^<!-- not run: (.+) -->$`)
	command = regexp.MustCompile(`(?m)^[ $#]*(guildhall|curl|make|go|npm|node|docker|podman|systemctl|qovery|terraform|sudo|psql|\./\w+) `)
)

// readGuide takes a document apart, and refuses commands that would not be seen.
func readGuide(t *testing.T, file string) guide {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := guide{file: strings.TrimPrefix(file, "../")}
	lines := strings.Split(string(text), "\n")
	reason := ""
	for n := 0; n < len(lines); n++ {
		line := lines[n]
		b := block{line: n + 1}
		end := "```"
		switch {
		case line == "<!-- test":
			b.words, end = []string{"sh"}, "-->"
		case strings.HasPrefix(line, "```"):
			b.words = strings.Fields(line[3:])
		case strings.HasPrefix(line, "    ") && (n == 0 || lines[n-1] == "") && command.MatchString(strings.TrimSpace(line)):
			t.Errorf("%s:%d: a command in an indented block; put it between fences", g.file, n+1)
			continue
		case fence.MatchString(line):
			t.Errorf("%s:%d: a fence is three backticks at the beginning of a line", g.file, n+1)
			continue
		default:
			if found := excuse.FindStringSubmatch(line); found != nil {
				reason = found[1]
			} else if line != "" {
				reason = ""
			}
			continue
		}
		for n++; n < len(lines) && lines[n] != end; n++ {
			b.text += lines[n] + "\n"
		}
		switch output := len(b.words) > 0 && (b.words[0] == "json" || b.words[0] == "text"); {
		case b.has("sh") || b.target() != "":
			g.blocks = append(g.blocks, b)
			if reason != "" {
				t.Errorf("%s:%d: is run, and says that it is not", g.file, b.line)
			}
		case reason != "":
			first, _, _ := strings.Cut(b.text, "\n")
			g.excused = append(g.excused, fmt.Sprintf("%s: %s (%s)\n", g.file, first, reason))
		case !output || command.MatchString(b.text):
			t.Errorf("%s:%d: a block that is not run; say sh behind its fence, or <!-- not run: REASON --> above it", g.file, b.line)
		}
		reason = ""
	}
	return g
}

// machine is where a guide is followed: a folder that stands for the root of the file system.
type machine struct {
	root, address string
	names         *strings.Replacer // the guides' words for what is here
}

// ownAddress is one that stays free until the guide's server takes it: below the ports
// that the kernel hands to whoever asks for any.
func ownAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func newMachine(t *testing.T, database string) machine {
	t.Helper()
	m := machine{root: t.TempDir(), address: ownAddress(t)}
	for _, dir := range []string{"home/here", "usr/local/bin", "etc/systemd/system", "etc/guildhall", "var/lib", "var/backups"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// A request that is refused fails its command.
	if err := os.WriteFile(filepath.Join(m.root, "home/.curlrc"), []byte("fail-with-body\nsilent\nshow-error\nmax-time = 60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	words := []string{
		"127.0.0.1:8080", m.address, "--listen :8080", "--listen " + m.address, "https://guildhall.example.com", "http://" + m.address,
		"postgres://guildhall@db.example.com/guildhall", database,
	}
	for _, path := range []string{"/usr/local/bin/", "/etc/systemd/system/", "/etc/guildhall", "/var/lib/guildhall", "/var/backups"} {
		words = append(words, path, m.root+path)
	}
	m.names = strings.NewReplacer(words...)
	return m
}

func (m machine) environment(t *testing.T) []string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HOME=" + m.root + "/home", "TMPDIR=" + os.TempDir(), "ADDRESS=" + m.address, "GUILDHALL_LISTEN=" + m.address,
		"PATH=" + strings.Join([]string{m.root + "/usr/local/bin", filepath.Dir(program), os.Getenv("PATH")}, ":"),
		"npm_config_cache=" + home + "/.npm", "npm_config_userconfig=" + home + "/.npmrc", "npm_config_prefer_offline=true",
		"CGO_ENABLED=0", // as TestMain builds it, so that little is compiled again
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOSUMDB"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return env
}

// prologue is the shell's own part: a server runs until the next one or the end.
const prologue = `set -eu -o pipefail
server='' LOG=''
stop() { [ -z "$server" ] || { kill -TERM -- "-$server" && wait "$server"; } 2>/dev/null || true; server=''; }
trap stop EXIT
trap 'exit 143' TERM
ready() {
	for _ in $(seq 300); do
		! curl -o /dev/null "http://$ADDRESS/readyz" 2>/dev/null || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	echo 'the server does not get ready:'; cat "$LOG"
	return 1
}
cd ~/here
`

// script makes one shell script of a guide.
func (m machine) script(t *testing.T, g guide) string {
	t.Helper()
	source, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	s := prologue
	for n, b := range g.blocks {
		text := m.names.Replace(b.text)
		s += fmt.Sprintf("echo '=== %s:%d'\n", g.file, b.line)
		if path := m.names.Replace(b.target()); path != "" {
			s += fmt.Sprintf("mkdir -p \"$(dirname '%s')\"; cat >'%s' <<'END OF THE FILE'\n%sEND OF THE FILE\n", path, path, text)
			continue
		}
		if b.has("source") {
			text = fmt.Sprintf("cd '%s'\n%scd ~/here\n", source, text)
		}
		if b.has("background") {
			text = fmt.Sprintf("stop; LOG=%s/server-%d.log\nset -m; { %s} >\"$LOG\" 2>&1 & server=$!; set +m; ready\n", m.root, n, text)
		}
		s += text
	}
	return s + "echo '=== the end'\n"
}

// follow runs a guide's commands.
func (m machine) follow(t *testing.T, g guide) {
	t.Helper()
	if len(g.blocks) == 0 {
		t.Fatalf("%s has no command at all", g.file)
	}
	script := m.root + "/script"
	if err := os.WriteFile(script, []byte(m.script(t, g)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", script)
	cmd.Env = m.environment(t)
	runtime.LockOSThread() // the kernel ties the next to the thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "=== the end\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d blocks run, %d not", len(g.blocks), len(g.excused))
}

// checkUnits holds the systemd units that the reader wrote against systemd, and
// starts what they start.
func (m machine) checkUnits(t *testing.T) {
	t.Helper()
	units, err := filepath.Glob(m.root + "/etc/systemd/system/*.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range units {
		if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
			out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
			if err != nil || strings.Contains(string(out), filepath.Base(unit)) {
				t.Errorf("systemd-analyze verify: %v\n%s", err, out)
			}
		} else {
			t.Logf("systemd-analyze is not here; %s is only started", filepath.Base(unit))
		}
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		start := regexp.MustCompile(`(?m)^ExecStart=(.+)$`).FindSubmatch(text)
		if start == nil {
			t.Fatalf("%s starts nothing", unit)
		}
		words := strings.Fields(string(start[1]))
		m.startAndStop(t, exec.Command(words[0], words[1:]...))
	}
}

// startAndStop runs a server until it is ready, and ends it as a service manager would.
func (m machine) startAndStop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	runtime.LockOSThread() // the kernel ties the next to the thread
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	var log output
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended if all is well
	if err := until(func() error {
		select {
		case err := <-ended:
			t.Fatalf("%s: %v\n%s", cmd, err, log.String())
		default:
		}
		r, err := client{url: "http://" + m.address}.try("GET", "/readyz", nil)
		if err == nil && r.status != 200 {
			err = errors.New(string(r.body))
		}
		return err
	}); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, log.String())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%s: %v\n%s", cmd, err, log.String())
	}
}

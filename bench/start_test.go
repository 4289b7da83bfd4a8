package bench_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program compiles the server as it is released.
func program(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "guildhall")
	build := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-o", path, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	return path
}

// startUp starts the program on a data directory, waits until it says that it is
// ready, and stops it. It gives the time until then.
func startUp(ctx context.Context, path, data string) (sample, error) {
	started := time.Now()
	cmd := exec.CommandContext(ctx, path, "serve", "--listen", "127.0.0.1:0", "--data", data)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return sample{}, err
	}
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	ready := time.Duration(0)
	lines := bufio.NewScanner(out)
	for ready == 0 && lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			url, _, _ = strings.Cut(url, " ")
			err = ask(ctx, url+"/readyz")
			ready = time.Since(started)
		}
	}
	if ready == 0 {
		err = errors.New("the server said nothing")
	}
	memory, failed := resident(cmd.Process.Pid)
	err = errors.Join(err, failed, cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() { // it must not wait for a reader
	}
	err = errors.Join(err, cmd.Wait())
	return sample{requests: 1, elapsed: ready, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), resident: memory}, err
}

// resident is how much memory a process has taken, in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize()), err
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New("not ready: " + resp.Status)
	}
	return nil
}

// BenchmarkStart starts the real program on an empty directory, again on what it has
// left there, and where many organizations are.
func BenchmarkStart(b *testing.B) {
	path := program(b)
	full := start(b, "sqlite", size{owners: 3000, creators: 1, cold: 100_000})
	full.stop()
	empty, left := disk(b), disk(b)
	starts := 0
	for _, c := range []struct {
		name string
		data func() string
	}{
		{"on an empty directory", func() string { starts++; return filepath.Join(empty, strconv.Itoa(starts)) }},
		{"again", func() string { return left }},
		{"with 100,000 organizations", func() string { return full.Storage.Data }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var total sample
			if c.name == "again" {
				if _, err := startUp(b.Context(), path, left); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
			}
			for range b.N {
				s, err := startUp(b.Context(), path, c.data())
				if err != nil {
					b.Fatal(err)
				}
				total = total.plus(s)
			}
			results.started(c.name, total)
		})
	}
}

// TestStart starts the real program once.
func TestStart(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the program")
	}
	if _, err := startUp(t.Context(), program(t), filepath.Join(disk(t), "data")); err != nil {
		t.Error(err)
	}
}

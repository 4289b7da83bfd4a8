package bench_test

import (
	"bufio"
	"context"
	"errors"
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
	err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() { // it must not wait for a reader
	}
	err = errors.Join(err, cmd.Wait())
	return sample{requests: 1, elapsed: ready, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, err
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

// BenchmarkStart starts the real program on an empty directory, and again on what
// it has left there.
func BenchmarkStart(b *testing.B) {
	path := program(b)
	for _, again := range []bool{false, true} {
		name := map[bool]string{false: "on an empty directory", true: "again"}[again]
		b.Run(name, func(b *testing.B) {
			dir := disk(b)
			var total sample
			for i := range b.N {
				data := filepath.Join(dir, "data", strconv.Itoa(i))
				if again {
					data = filepath.Join(dir, "data")
				}
				s, err := startUp(b.Context(), path, data)
				if err != nil {
					b.Fatal(err)
				}
				if !again || i > 0 || b.N == 1 {
					total = total.plus(s)
				}
			}
			results.started(name, total)
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

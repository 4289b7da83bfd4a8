package storetest

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kill ends every process of the server at once, as a power cut would: nothing is
// flushed, nobody says goodbye. It returns when all of them are gone.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	select {
	case <-c.process.ended:
		return
	default:
	}
	// The parent is stopped first, so that it starts no further process meanwhile.
	if err := syscall.Kill(c.process.pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("stop PostgreSQL: %v", err)
	}
	children, err := childrenOf(c.process.pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(children, c.process.pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			t.Fatalf("kill PostgreSQL's process %d: %v", pid, err)
		}
	}
	<-c.process.ended
	deadline := time.Now().Add(30 * time.Second)
	for _, pid := range children {
		for parentOf(pid) != 0 {
			if time.Now().After(deadline) {
				t.Fatalf("PostgreSQL's process %d does not end", pid)
			}
			time.Sleep(time.Millisecond) // waiting for another process, not for our own
		}
	}
}

// Restart starts the server again on the same port with the data that it has.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	var err error
	if c.process, err = launch(filepath.Join(c.bin, "postgres"), c.args, c.dir, c.who); err == nil {
		err = c.wait()
	}
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		t.Fatalf("start PostgreSQL again: %v\n%s", err, log)
	}
}

// Dump writes a database as text.
func (c *Cluster) Dump(t testing.TB, url string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(c.bin, "pg_dump"), "--inserts", url)
	var problems strings.Builder
	cmd.Stderr = &problems
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, &problems)
	}
	return string(text)
}

// childrenOf finds the processes that a process has started.
func childrenOf(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && parentOf(pid) == parent {
			children = append(children, pid)
		}
	}
	return children, nil
}

// parentOf gives a process's parent; 0 where the process is gone or dead.
func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// pid (name) state parent …; the name may hold anything.
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}

// Load runs the statements of a dump on an empty database.
func (c *Cluster) Load(t testing.TB, url, dump string) {
	t.Helper()
	db, err := sql.Open("pgx", url+"?default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), dump); err != nil {
		t.Fatalf("load a dump: %v", err)
	}
}

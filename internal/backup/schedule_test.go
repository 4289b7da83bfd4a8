package backup_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/store"
)

func daily(dir string) func(*config.Server) {
	return func(s *config.Server) { s.BackupEvery, s.BackupKeep, s.BackupDir = 24*time.Hour, 3, dir }
}

// TestSchedule: one a day, on one node of all, and the newest three are kept.
func TestSchedule(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backups")
			storage := apptest.Storage(t, engine)
			nodes := []*apptest.Server{apptest.Start(t, storage, apptest.Options{Settings: daily(dir)})}
			if engine == "postgres" {
				for range 2 {
					nodes = append(nodes, apptest.Start(t, storage, apptest.Options{Settings: daily(dir)}))
				}
			}
			advance := func(d time.Duration) {
				for _, n := range nodes {
					n.Clock.Advance(d)
				}
			}
			everywhere := func() (made int) {
				var all sync.WaitGroup
				files := make([]string, len(nodes)*3)
				for i := range files {
					all.Go(func() {
						file, err := nodes[i%len(nodes)].Backups.Run(t.Context())
						if err != nil {
							t.Error(err)
						}
						files[i] = file
					})
				}
				all.Wait()
				for _, f := range files {
					if f != "" {
						made++
					}
				}
				return made
			}
			for day := range 5 {
				if n := everywhere(); n != 1 {
					t.Fatalf("day %d: %d backups", day, n)
				}
				if n := everywhere(); n != 0 {
					t.Fatalf("day %d: %d more", day, n)
				}
				advance(24*time.Hour - time.Minute)
				if n := everywhere(); n != 0 {
					t.Fatalf("day %d: a minute too early", day)
				}
				advance(time.Minute)
			}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 3 {
				t.Fatalf("%v, %v", files, err)
			}
			for _, f := range files {
				if v, err := verify(t, nodes[0], filepath.Join(dir, f.Name()), nil); err != nil || v.Schema == 0 {
					t.Errorf("%s: %v", f.Name(), err)
				}
			}
		})
	}
}

// TestScheduleFails: a failure is told, tried again after a pause, and the next one is
// made as if nothing had been.
func TestScheduleFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: daily(dir)})
	if err := os.WriteFile(dir, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) { return s.Backups.Run(t.Context()) }
	if file, err := run(); file != "" || err == nil {
		t.Errorf("made %q, %v", file, err)
	}
	if !strings.Contains(s.Log.String(), "the backup failed and will be tried again") {
		t.Error("the log says nothing of it")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if file, err := run(); file != "" || err != nil {
		t.Errorf("without the pause: %q, %v", file, err)
	}
	s.Clock.Advance(10 * time.Minute)
	if file, err := run(); file == "" || err != nil {
		t.Errorf("after the pause: %q, %v", file, err)
	}
	// A node that dies at it holds the others up for an hour, not for ever.
	s.Clock.Advance(24 * time.Hour)
	if err := store.Do(t.Context(), s.DB, authz.System("test"), func(tx *store.Tx) error {
		return store.SetSetting(tx, "backup_claimed", strconv.FormatInt(int64(tx.Now().Add(time.Hour)), 10))
	}); err != nil {
		t.Fatal(err)
	}
	if file, err := run(); file != "" || err != nil {
		t.Errorf("while another node is at it: %q, %v", file, err)
	}
	s.Clock.Advance(time.Hour)
	if file, err := run(); file == "" || err != nil {
		t.Errorf("after the other node has died: %q, %v", file, err)
	}
}

// TestRetentionCountsItsOwn: what somebody put beside the server's backups is neither
// removed nor counted; a name that sorts behind theirs would push the newest out.
func TestRetentionCountsItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "back[ups]") // no pattern either
	s := apptest.Start(t, apptest.Storage(t, "sqlite"), apptest.Options{Settings: daily(dir)})
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	theirs := []string{"guildhall-before-upgrade.backup", "guildhall-monday.backup", "guildhall-today.backup", "guildhall-19990101.backup"}
	for _, name := range theirs {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var made []string
	for range 4 {
		file, err := s.Backups.Run(t.Context())
		if err != nil || file == "" {
			t.Fatalf("%q, %v", file, err)
		}
		made = append(made, filepath.Base(file))
		s.Clock.Advance(24 * time.Hour)
	}
	for _, name := range append(theirs, made[1:]...) {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, made[0])); err == nil {
		t.Errorf("%s is still there", made[0])
	}
}

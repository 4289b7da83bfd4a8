package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// lockDirectory makes sure that one process at a time owns a data directory. The
// kernel drops the lock when the process ends, however it ends.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fault.New(fault.DataDirectoryInUse, "Another Guildhall uses the data directory %s. Stop it first, or give this one a directory of its own with --data.", dir)
	}
	return nil, fmt.Errorf("lock the data directory: %w", err)
}

// private makes sure that a file is there and only ours to read; the database's
// other files take its mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the database file: %w", err)
	}
	return f.Close()
}

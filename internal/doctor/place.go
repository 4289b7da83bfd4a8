package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Room that should be free where the embedded database lies.
const (
	tooLittle = 100 << 20
	little    = 1 << 30
)

// disk is what the system says of a file system.
type disk struct {
	free, inodes uint64 // inodes: 0 where the file system does not count them
	kind         string // of a kind that matters here; empty for the others
	danger       string // why the kind matters
}

// checkDisk looks at where the embedded database lies.
func (p *Patient) checkDisk(context.Context) Finding {
	if !p.storage.Embedded() {
		return ok("The data is in PostgreSQL; its disk is not looked at.")
	}
	if _, err := os.Stat(p.storage.Data); errors.Is(err, fs.ErrNotExist) {
		return warning("Start guildhall serve once, or name the right directory with --data.", "There is no data directory %s.", p.storage.Data)
	}
	if _, err := p.fileTime(); err != nil {
		return problem("Make room, mount it for writing, or run this as the user that runs the server.", "The data directory cannot be written: %s.", sentence(err))
	}
	d, err := statDisk(p.storage.Data)
	if err != nil {
		return warning("", "The disk cannot be looked at: %s.", sentence(err))
	}
	return p.judgeDisk(d)
}

func (p *Patient) judgeDisk(d disk) Finding {
	list := []Finding{ok("The data directory %s can be written, %s are free.", p.storage.Data, size(d.free))}
	if d.free < tooLittle {
		list = append(list, problem("Make room: a full disk stops every change.", "Only %s are free for %s.", size(d.free), p.storage.Data))
	} else if d.free < little {
		list = append(list, warning("Make room before it is full.", "Only %s are free for %s.", size(d.free), p.storage.Data))
	}
	if d.inodes > 0 && d.inodes < 1000 {
		list = append(list, problem("Remove small files.", "Only %d more files can be made on the disk of %s.", d.inodes, p.storage.Data))
	}
	if d.kind != "" {
		list = append(list, warning("Put the data directory on a local disk that lasts, or use PostgreSQL.", "The data directory lies on %s: %s.", d.kind, d.danger))
	}
	return gravest(list...)
}

func size(n uint64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

// fileTime makes a file where the data is, and tells the moment that the file system gave it.
func (p *Patient) fileTime() (time.Time, error) {
	if !p.storage.Embedded() {
		return time.Time{}, fs.ErrNotExist
	}
	f, err := os.CreateTemp(p.storage.Data, ".doctor-*")
	if err != nil {
		return time.Time{}, err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("x")
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// checkPermissions looks at who else may read what is ours.
func (p *Patient) checkPermissions(context.Context) Finding {
	list := []Finding{p.secret(p.storage.MasterKeyFile, "the master key")}
	if p.settings.TLS() {
		list = append(list, p.secret(p.settings.TLSKey, "the TLS key"))
	}
	if !p.storage.Embedded() {
		return gravest(append(list, ok("The secret files are for their owner only."))...)
	}
	dir := p.storage.Data
	if inside(dir, p.storage.MasterKeyFile) {
		list = append(list, problem("Move it elsewhere and name it with --master-key-file.",
			"The master key %s lies in the data directory: who has a copy of that directory has every secret.", p.storage.MasterKeyFile))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return gravest(append(list, ok("There is no data directory yet."))...)
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		list = append(list, problem("chmod 700 "+dir, "Other users can put files into the data directory %s (mode %04o).", dir, mode))
	case mode&0o055 != 0:
		list = append(list, warning("chmod 700 "+dir, "Other users can look into the data directory %s (mode %04o).", dir, mode))
	}
	for _, name := range []string{"guildhall.db", "guildhall.db-wal", "control.sock", "lock"} {
		file := filepath.Join(dir, name)
		list = append(list, p.secret(file, "the data"))
		if f, err := os.Stat(file); err == nil && user(f) != user(info) {
			list = append(list, problem("chown it to the user that runs the server, and run the operator's commands as that user.",
				"%s belongs to user %d, the data directory to user %d.", file, user(f), user(info)))
		}
	}
	return gravest(append(list, ok("The data directory, the database and the master key are for their owner only."))...)
}

// secret judges a file that nobody else may read; one that is not there is another check's affair.
func (*Patient) secret(file, what string) Finding {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return Finding{Status: OK}
	}
	return problem("chmod 600 "+file, "Other users can use %s: %s has mode %04o.", what, file, info.Mode().Perm())
}

func user(info fs.FileInfo) uint32 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return 0
}

// inside tells whether a file lies under a directory, wherever links lead.
func inside(dir, file string) bool {
	for _, resolve := range []func(string) (string, error){filepath.Abs, filepath.EvalSymlinks} {
		if d, err := resolve(dir); err == nil {
			dir = d
		}
		if f, err := resolve(file); err == nil {
			file = f
		}
	}
	way, err := filepath.Rel(dir, file)
	return err == nil && way != ".." && !strings.HasPrefix(way, ".."+string(filepath.Separator))
}

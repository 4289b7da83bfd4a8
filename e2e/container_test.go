package e2e_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// checkContainer makes of the Containerfile that the reader wrote what a builder
// makes of it, and starts that: a folder with nothing but what was copied, as the
// user that the file names. It knows the instructions that our file needs.
func (m machine) checkContainer(t *testing.T) {
	t.Helper()
	here := filepath.Join(m.root, "home", "here")
	text, err := os.ReadFile(filepath.Join(here, "Containerfile"))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(m.root, "image")
	cmd := &exec.Cmd{Dir: "/", SysProcAttr: &syscall.SysProcAttr{Chroot: image}}
	var args []string
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "", "#", "EXPOSE", "VOLUME":
		case "FROM":
			if rest != "scratch" {
				t.Fatalf("Containerfile: FROM %s cannot be made here", rest)
			}
		case "COPY":
			words := strings.Fields(rest)
			owner := ""
			if strings.HasPrefix(words[0], "--chown=") {
				owner, words = strings.TrimPrefix(words[0], "--chown="), words[1:]
			}
			copyInto(t, filepath.Join(here, words[0]), filepath.Join(image, words[1]), owner)
		case "USER":
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: number(t, rest), Gid: number(t, rest)}
		case "ENV":
			cmd.Env = append(cmd.Env, rest)
		case "ENTRYPOINT", "CMD":
			var words []string
			if err := json.Unmarshal([]byte(rest), &words); err != nil {
				t.Fatalf("Containerfile: %s %s: %v", instruction, rest, err)
			}
			args = append(args, words...)
		default:
			t.Fatalf("Containerfile: %s is unknown here", instruction)
		}
	}
	if os.Getuid() != 0 {
		t.Log("only root can start the container's folder; the Containerfile is only read")
		return
	}
	// A container has a network of its own; this has not.
	cmd.Env = append(cmd.Env, "GUILDHALL_LISTEN="+m.address)
	cmd.Path, cmd.Args = args[0], args
	openWay(t, image)
	m.startAndStop(t, cmd)
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	text, _, _ = strings.Cut(text, ":")
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("Containerfile: a user by number, not %s: an image of nothing knows no names", text)
	}
	return uint32(n)
}

// copyInto copies a file, or makes a folder, as COPY does.
func copyInto(t *testing.T, from, to, owner string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatalf("Containerfile: COPY: %v", err)
	}
	if info.IsDir() {
		err = os.MkdirAll(to, 0o755)
	} else {
		err = copyFile(from, to, info.Mode())
	}
	if err == nil && owner != "" && os.Getuid() == 0 {
		err = os.Chown(to, int(number(t, owner)), int(number(t, owner)))
	}
	if err != nil {
		t.Fatalf("Containerfile: COPY: %v", err)
	}
}

func copyFile(from, to string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// openWay lets another user reach a folder below the test's.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// controlFailure is how a refusal travels over the control socket.
type controlFailure struct {
	Code   fault.Code    `json:"code"`
	Detail string        `json:"detail"`
	Fields []fault.Field `json:"fields,omitempty"`
}

const maxControl = 1 << 20

// maxSocketPath is what the kernel takes as the path of a socket.
const maxSocketPath = 100

// reachable gives a path to the control socket that is short enough: through the
// directory's descriptor where the directory lies deep. The file must stay open
// while the path is used.
func reachable(data string) (path string, dir *os.File, err error) {
	path = config.Storage{Data: data}.ControlSocket()
	if len(path) <= maxSocketPath {
		return path, nil, nil
	}
	dir, err = os.Open(data)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/control.sock", dir, nil
}

func (a *App) listenControl() (net.Listener, error) {
	path, dir, err := reachable(a.Storage.Data)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		defer dir.Close()
	}
	// We hold the directory's lock, so a socket that is there is a dead server's.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

func (a *App) serveControl(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{command}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(io.LimitReader(r.Body, maxControl))
		var answer any
		if err == nil {
			answer, err = a.Run(r.Context(), r.PathValue("command"), text)
		}
		if err != nil {
			f := fault.From(err)
			a.Log.Warn("a command of the operator failed", slog.String("command", r.PathValue("command")), slog.Any("error", err))
			w.WriteHeader(http.StatusUnprocessableEntity)
			answer = controlFailure{f.Code, f.Detail, f.Fields}
		}
		_ = json.NewEncoder(w).Encode(answer) // the command has gone when this fails
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close() // a command that is cut off rolls back or is done
	}()
	_ = srv.Serve(l) // ends with ErrServerClosed
}

// Operate runs a command of the operator: through the running server of the data
// directory, or, where none runs, on the database itself, where letters are queued
// with the settings of mail.
func Operate(ctx context.Context, storage config.Storage, mail config.Mail, command string, in, out any) error {
	storage, err := storage.Complete()
	if err != nil {
		return err
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		if storage.Embedded() {
			done, err := ask(ctx, storage.Data, command, text, out)
			if done || err != nil {
				return err
			}
		}
		err := operateDirectly(ctx, storage, mail, command, text, out)
		if !fault.Has(err, fault.DataDirectoryInUse) || try == 50 {
			return err
		}
		// The server is just starting or stopping: it has the lock and no socket.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ask sends the command to a running server; false where none answers.
func ask(ctx context.Context, data, command string, text []byte, out any) (bool, error) {
	path, dir, err := reachable(data)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if dir != nil {
		defer dir.Close()
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return false, fmt.Errorf("reach the running server: %w", err)
		}
		return false, nil
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://guildhall/"+command, bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask the running server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f controlFailure
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
			return false, fmt.Errorf("the running server answered %s", resp.Status)
		}
		refused := fault.New(f.Code, "%s", f.Detail)
		refused.Fields = f.Fields
		return false, refused
	}
	return true, json.NewDecoder(resp.Body).Decode(out)
}

func operateDirectly(ctx context.Context, storage config.Storage, mail config.Mail, command string, text []byte, out any) (err error) {
	// The command says itself what it did; the log is for what goes wrong beside it.
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	settings := config.Defaults()
	settings.Mail = mail
	a, err := Open(ctx, storage, settings, Options{Log: log, AsItIs: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	answer, err := a.Run(ctx, command, text)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, out)
}

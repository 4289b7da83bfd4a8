package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
)

// CopyTo writes the embedded database as it is at this moment to a file, which is
// not there yet or empty. Writes go on meanwhile, in this process and in others.
func (db *DB) CopyTo(ctx context.Context, path string) error {
	if db.queue == nil {
		return errors.New("store: only the embedded database can be copied to a file")
	}
	// A connection that is set to look only refuses to write another file as well.
	conn, err := db.reads.Conn(ctx)
	if err != nil {
		return db.translate(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `PRAGMA query_only = 0`); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `VACUUM INTO $1`, path)
	_, back := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA query_only = 1`)
	return errors.Join(db.translate(err), back)
}

// Scratch makes an empty database of its own on the PostgreSQL server that a URL
// names, and gives its URL; drop removes it. The URL's own database is not touched.
func Scratch(ctx context.Context, address string) (scratch string, drop func(context.Context) error, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", nil, errors.New("the address of PostgreSQL must look like postgres://user:password@host/name") // the error would show the password
	}
	pool, err := sql.Open("pgx", address)
	if err != nil {
		return "", nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		return "", nil, errors.Join(err, pool.Close())
	}
	name := "guildhall_scratch_" + hex.EncodeToString(random)
	if _, err := pool.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, errors.Join(fmt.Errorf("make a scratch database (the role needs the right CREATEDB): %w", err), pool.Close())
	}
	u.Path = "/" + name
	return u.String(), func(ctx context.Context) error {
		_, err := pool.ExecContext(ctx, "DROP DATABASE "+name)
		return errors.Join(err, pool.Close())
	}, nil
}

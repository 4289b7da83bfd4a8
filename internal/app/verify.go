package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// VerifyAudit walks every chain of a database, which a server may be using.
func VerifyAudit(ctx context.Context, storage config.Storage) (report audit.Report, err error) {
	storage, err = storage.Complete()
	if err != nil {
		return report, err
	}
	o := store.Options{URL: string(storage.DatabaseURL), ReadOnly: true}
	if storage.Embedded() {
		o.Path = storage.DatabaseFile()
		if _, err := os.Stat(o.Path); err != nil {
			return report, fmt.Errorf("there is no database in %s: %w", storage.Data, err)
		}
	}
	// Looked for before the database is opened: without a key there is nothing to say.
	if _, err := os.Stat(storage.MasterKeyFile); err != nil {
		return report, fmt.Errorf("read the master key: %w", err)
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckSchema(ctx); err != nil {
		return report, err
	}
	err = db.Snapshot(ctx, func(q store.Querier) error {
		bound, err := seal.Bound(q)
		if err != nil {
			return err
		}
		master, err := seal.Find(storage.MasterKeyFile, bound)
		if err != nil {
			return err
		}
		var keys store.Keys
		if bound != "" { // else it was never started, and there is nothing to verify
			if keys, err = seal.StoreKeys(q, seal.NewRing(master, "")); err != nil {
				return err
			}
		}
		report, err = audit.Verify(q, keys.HeadMAC)
		return err
	})
	return report, err
}

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
	master, err := seal.LoadMaster(storage.MasterKeyFile)
	if err != nil {
		return report, err
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
		if err := seal.Check(q, master); err != nil {
			return err
		}
		report, err = audit.Verify(q, seal.StoreKeys(master).HeadMAC)
		return err
	})
	return report, err
}

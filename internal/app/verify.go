package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// VerifyAudit walks every chain of a database, which a server may be using, and holds
// them against heads that were noted elsewhere.
func VerifyAudit(ctx context.Context, storage config.Storage, noted []audit.Noted) (report audit.Report, err error) {
	err = readRecord(ctx, storage, func(q store.Querier, ring *seal.Ring) error {
		var keys store.Keys
		key := ""
		if ring != nil { // else it was never started, and there is nothing to verify
			if keys, err = seal.StoreKeys(q, ring); err != nil {
				return err
			}
			signer, err := headSigner(q, ring)
			if err != nil {
				return err
			}
			key = signer.Key()
		}
		if report, err = audit.Verify(q, keys.HeadMAC); err != nil {
			return err
		}
		return audit.VerifyNoted(q, key, noted)
	})
	return report, err
}

// SignedHead is a head to be noted elsewhere.
type SignedHead struct {
	audit.Head
	Name   string `json:"name"`
	Key    string `json:"key"`
	Signed string `json:"signed"`
	Short  string `json:"short"`
}

// AuditHeads signs the heads of all chains of a database, which a server may be using, or
// of an organization's, by id or name.
func AuditHeads(ctx context.Context, storage config.Storage, organization string) (list []SignedHead, err error) {
	err = readRecord(ctx, storage, func(q store.Querier, ring *seal.Ring) error {
		if ring == nil {
			return errors.New("the database was never started, and has no chain yet")
		}
		signer, err := headSigner(q, ring)
		if err != nil {
			return err
		}
		names, err := organizationNames(q)
		if err != nil {
			return err
		}
		heads, err := audit.Heads(q, clock.At(time.Now()))
		for _, h := range heads {
			name := names[h.Stream]
			if organization != "" && organization != h.Stream && organization != name {
				continue
			}
			signed, err := signer.Sign(h)
			if err != nil {
				return err
			}
			list = append(list, SignedHead{h, name, signer.Key(), signed, h.Short()})
		}
		if err == nil && len(list) == 0 {
			return fault.New(fault.NotFound, "There is no organization %q.", organization)
		}
		return err
	})
	return list, err
}

func headSigner(q store.Querier, ring *seal.Ring) (*audit.Signer, error) {
	key, err := seal.HeadKey(q, ring)
	if err != nil {
		return nil, err
	}
	return audit.NewSigner(key)
}

func organizationNames(q store.Querier) (map[string]string, error) {
	names := map[string]string{store.Server: "the server itself"}
	return names, store.Each(q, `SELECT id, name FROM organization`, func(s store.Scan) error {
		var organization, name string
		err := s(&organization, &name)
		names[organization] = name
		return err
	})
}

// readRecord opens a database for looking, with its keys; the ring is nil for one that
// was never started.
func readRecord(ctx context.Context, storage config.Storage, fn func(q store.Querier, ring *seal.Ring) error) (err error) {
	storage, err = storage.Complete()
	if err != nil {
		return err
	}
	o := store.Options{URL: string(storage.DatabaseURL), ReadOnly: true}
	if storage.Embedded() {
		o.Path = storage.DatabaseFile()
		if _, err := os.Stat(o.Path); err != nil {
			return fmt.Errorf("there is no database in %s: %w", storage.Data, err)
		}
	}
	// Looked for before the database is opened: without a key there is nothing to say.
	if _, err := os.Stat(storage.MasterKeyFile); err != nil {
		return fmt.Errorf("read the master key: %w", err)
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckSchema(ctx); err != nil {
		return err
	}
	return db.Snapshot(ctx, func(q store.Querier) error {
		bound, err := seal.Bound(q)
		if err != nil {
			return err
		}
		master, err := seal.Find(storage.MasterKeyFile, bound)
		if err != nil {
			return err
		}
		if bound == "" {
			return fn(q, nil)
		}
		return fn(q, seal.NewRing(master, ""))
	})
}

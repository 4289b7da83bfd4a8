package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Verified says what a backup was found to hold.
type Verified struct {
	Manifest
	audit.Report
	seal.Opened
	KeptAnswers   int64 `json:"kept_answers"`
	People        int64 `json:"people"`
	Organizations int64 `json:"organizations"`
}

// Verify brings a backup back into a scratch database as a start would, migration
// included, opens everything sealed and walks every chain. The error is the first
// thing that is wrong.
func Verify(ctx context.Context, a *Archive, key *seal.Master, address string, sealed ...seal.Fields) (v Verified, err error) {
	v.Manifest = a.Manifest
	if err := a.Fits(); err != nil {
		return v, err
	}
	return v, a.scratch(ctx, address, func(o store.Options) (err error) {
		db, err := store.Open(ctx, o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return v.check(ctx, db, key, sealed)
	})
}

func (v *Verified) check(ctx context.Context, db *store.DB, key *seal.Master, sealed []seal.Fields) error {
	if err := v.holds(ctx, db); err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if err := store.Do(ctx, db, authz.System("verify a backup"), func(tx *store.Tx) error { return seal.Bind(tx, key) }); err != nil {
		return err
	}
	var err error
	q, ring := db.Reader(ctx), seal.NewRing(key, "")
	keys, err := seal.StoreKeys(q, ring)
	if err != nil {
		return err
	}
	if v.Opened, err = seal.Verify(ctx, db, ring, sealed...); err != nil {
		return err
	}
	if v.KeptAnswers, err = store.OpenAnswers(q, keys); err != nil {
		return fmt.Errorf("kept answers: %w", err)
	}
	if v.Report, err = audit.Verify(q, keys.HeadMAC); err != nil {
		return err
	}
	if v.People, err = store.Value[int64](q, `SELECT COUNT(*) FROM account`); err != nil {
		return err
	}
	v.Organizations, err = store.Value[int64](q, `SELECT COUNT(*) FROM organization WHERE deleted_at = 0`)
	return err
}

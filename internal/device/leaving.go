package device

import (
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Places are none: a program that signs in is no organization's.
func (*Service) Places(store.Querier, id.User) ([]id.Organization, error) { return nil, nil }

// Leave drops the codes that somebody approved who goes for good. Refresh tokens end
// with their sessions.
func (*Service) Leave(tx *store.Tx, _ audit.Holder, user id.User) error {
	_, err := tx.Exec(`DELETE FROM device_grant WHERE user_id = $1`, user)
	return err
}

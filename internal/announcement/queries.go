package announcement

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const announcements = `SELECT id, kind, subject, message, organization_id, starts_at, ends_at, letters, reached, created_at, finished_at FROM announcement `

func scan(s store.Scan) (a Announcement, err error) {
	var from, until, created, finished clock.Time
	err = s(&a.ID, &a.Kind, &a.Subject, &a.Message, &a.Organization, &from, &until, &a.Letters, &a.reached, &created, &finished)
	a.From, a.Until, a.CreatedAt, a.FinishedAt = from.Pointer(), until.Pointer(), created.Std(), finished.Pointer()
	return a, err
}

func load(q store.Querier, announcement string) (Announcement, error) {
	return store.One(q, announcements+`WHERE id = $1`, scan, announcement)
}

func list(q store.Querier, limit int) ([]Announcement, error) {
	return store.All(q, announcements+`ORDER BY created_at DESC, id DESC LIMIT $1`, scan, limit)
}

func insert(tx *store.Tx, a Announcement) error {
	var from, until clock.Time
	if a.From != nil {
		from, until = clock.At(*a.From), clock.At(*a.Until)
	}
	_, err := tx.Exec(`INSERT INTO announcement (id, kind, subject, message, organization_id, starts_at, ends_at, letters, reached, created_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', $8, 0)`, a.ID, a.Kind, a.Subject, a.Message, a.Organization, from, until, tx.Now())
	return err
}

// claim reports false where the address has got the announcement.
func claim(tx *store.Tx, announcement, address string) (bool, error) {
	n, err := tx.Exec(`INSERT INTO announcement_letter (announcement_id, address_key) VALUES ($1, $2) ON CONFLICT (announcement_id, address_key) DO NOTHING`,
		announcement, authn.Key(address))
	return n == 1, err
}

func advance(tx *store.Tx, announcement string, reached id.Organization, letters int64, finished clock.Time) error {
	_, err := tx.Exec(`UPDATE announcement SET reached = $2, letters = letters + $3, finished_at = $4 WHERE id = $1`, announcement, reached, letters, finished)
	return err
}

// forget removes who has got a finished announcement.
func forget(tx *store.Tx, announcement string) error {
	_, err := tx.Exec(`DELETE FROM announcement_letter WHERE announcement_id = $1`, announcement)
	return err
}

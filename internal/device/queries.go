package device

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const grants = `SELECT id, client, address, user_agent, state, user_id, credentials, created_at, expires_at FROM device_grant `

func scan(s store.Scan) (g grant, err error) {
	return g, s(&g.id, &g.client, &g.address, &g.userAgent, &g.state, &g.user, &g.credentials, &g.createdAt, &g.expiresAt)
}

func loadByDevice(q store.Querier, code string) (grant, error) {
	return store.One(q, grants+`WHERE device_hash = $1`, scan, authn.HashAPIToken(code))
}

func loadByUser(q store.Querier, code string) (grant, error) {
	return store.One(q, grants+`WHERE user_hash = $1`, scan, authn.HashAPIToken(code))
}

func insert(tx *store.Tx, g grant, c codes) error {
	_, err := tx.Exec(`INSERT INTO device_grant (id, device_hash, user_hash, client, address, user_agent, state, user_id, credentials, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0, $8, $9)`,
		g.id, authn.HashAPIToken(c.device), authn.HashAPIToken(c.user), g.client, g.address, g.userAgent, g.state, g.createdAt, g.expiresAt)
	return err
}

// settle answers a wish; false where somebody else was quicker.
func settle(tx *store.Tx, g grant, to state, user id.User, credentials clock.Time) (bool, error) {
	n, err := tx.Exec(`UPDATE device_grant SET state = $2, user_id = $3, credentials = $4 WHERE id = $1 AND state = $5`, g.id, to, user, credentials, pending)
	return n == 1, err
}

// take uses an approved code up; false where another request was quicker.
func take(tx *store.Tx, g grant) (bool, error) {
	n, err := tx.Exec(`DELETE FROM device_grant WHERE id = $1 AND state = $2 AND expires_at > $3`, g.id, approved, tx.Now())
	return n == 1, err
}

func dropExpired(tx *store.Tx, now clock.Time) error {
	_, err := tx.Exec(`DELETE FROM device_grant WHERE expires_at <= $1`, now.Add(-Life)) // a late question is told that it is late
	return err
}

// family is what all refresh tokens of a session share.
type family struct {
	session id.Session
	user    id.User
	client  string
	secret  []byte
}

func loadFamily(q store.Querier, name string) (family, error) {
	return store.One(q, `SELECT r.session_id, s.user_id, r.client, r.secret_hash FROM refresh_grant r JOIN session s ON s.id = r.session_id
		WHERE r.family_hash = $1`, func(s store.Scan) (f family, err error) { return f, s(&f.session, &f.user, &f.client, &f.secret) }, authn.HashAPIToken(name))
}

func insertFamily(tx *store.Tx, session id.Session, client, name, secret string) error {
	_, err := tx.Exec(`INSERT INTO refresh_grant (session_id, family_hash, secret_hash, client) VALUES ($1, $2, $3, $4)`,
		session, authn.HashAPIToken(name), authn.HashAPIToken(secret), client)
	return err
}

func setSecret(tx *store.Tx, f family, secret string) error {
	_, err := tx.Exec(`UPDATE refresh_grant SET secret_hash = $2 WHERE session_id = $1`, f.session, authn.HashAPIToken(secret))
	return err
}

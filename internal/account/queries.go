package account

import (
	"errors"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const accounts = `SELECT id, email, communication_email, first_name, last_name, nickname, picture_url, password_hash,
	credentials_changed_at, verified_at, disabled_at, created_at, updated_at FROM account `

type row struct {
	Account
	hash string
}

func scan(s store.Scan) (r row, err error) {
	return r, s(&r.ID, &r.Email, &r.CommunicationEmail, &r.FirstName, &r.LastName, &r.Nickname, &r.PictureURL, &r.hash,
		&r.CredentialsChangedAt, &r.VerifiedAt, &r.DisabledAt, &r.CreatedAt, &r.UpdatedAt)
}

func load(q store.Querier, user id.User) (Account, error) {
	r, err := store.One(q, accounts+`WHERE id = $1`, scan, user)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.Unauthenticated, "")
	}
	return r.Account, err
}

func findByID(q store.Querier, user id.User) (row, error) {
	return store.One(q, accounts+`WHERE id = $1`, scan, user)
}

// findMine reads the caller's account with the hash of its password.
func findMine(q store.Querier, pass authz.Pass) (row, error) {
	r, err := findByID(q, pass.Actor().User)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.Unauthenticated, "")
	}
	return r, err
}

func findByEmail(q store.Querier, email string) (Account, string, error) {
	r, err := store.One(q, accounts+`WHERE email_key = $1`, scan, authn.Key(email))
	return r.Account, r.hash, err
}

// insert reports false where the address is taken.
func insert(tx *store.Tx, a Account, hash string) (bool, error) {
	n, err := tx.Exec(`INSERT INTO account (id, email, email_key, communication_email, first_name, last_name, nickname, picture_url, password_hash,
		organization_limit, credentials_changed_at, verified_at, disabled_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, 0, $12, $12) ON CONFLICT (email_key) DO NOTHING`,
		a.ID, a.Email, authn.Key(a.Email), a.CommunicationEmail, a.FirstName, a.LastName, a.Nickname, a.PictureURL, hash,
		a.CredentialsChangedAt, a.VerifiedAt, a.CreatedAt)
	return n == 1, err
}

func setCommunicationEmail(tx *store.Tx, a Account) error {
	_, err := tx.Exec(`UPDATE account SET communication_email = $2, updated_at = $3 WHERE id = $1`, a.ID, a.CommunicationEmail, a.UpdatedAt)
	return err
}

// setCredentials changes the password's hash, and when that was.
func setCredentials(tx *store.Tx, a Account, hash string) error {
	_, err := tx.Exec(`UPDATE account SET password_hash = $2, credentials_changed_at = $3, updated_at = $4 WHERE id = $1`,
		a.ID, hash, a.CredentialsChangedAt, a.UpdatedAt)
	return err
}

// updateEmail reports false where the address is another account's.
func updateEmail(tx *store.Tx, a Account) (bool, error) {
	n, err := tx.Exec(`UPDATE account SET email = $2, email_key = $3, communication_email = $4, verified_at = $5, updated_at = $5
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM account other WHERE other.email_key = $3 AND other.id <> $1)`,
		a.ID, a.Email, authn.Key(a.Email), a.CommunicationEmail, a.VerifiedAt)
	if store.Duplicate(err) { // two took it at the same moment
		return false, nil
	}
	return n == 1, err
}

// empty takes everything personal out of an account, and frees its address: the key
// that it gets is that of no address.
func empty(tx *store.Tx, a Account) error {
	_, err := tx.Exec(`UPDATE account SET email = $2, email_key = $3, communication_email = $2, first_name = '', last_name = '', nickname = '',
		picture_url = '', sign_up = '', verified_at = 0, disabled_at = $4, updated_at = $4 WHERE id = $1`,
		a.ID, a.Email, "deleted:"+string(a.ID), a.UpdatedAt)
	return err
}

func anyAccount(q store.Querier) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM (SELECT id FROM account LIMIT 1) AS one`)
	return n > 0, err
}

func saveSetupLink(tx *store.Tx, hash []byte, expires clock.Time) error {
	_, err := tx.Exec(`INSERT INTO setup_link (token_hash, expires_at) VALUES ($1, $2)`, hash, expires)
	return err
}

func dropSetupLinks(tx *store.Tx, before clock.Time) error {
	_, err := tx.Exec(`DELETE FROM setup_link WHERE expires_at < $1`, before)
	return err
}

func setupLinkValid(q store.Querier, hash []byte, now clock.Time) (bool, error) {
	n, err := store.Value[int64](q, `SELECT COUNT(*) FROM setup_link WHERE token_hash = $1 AND expires_at > $2`, hash, now)
	return n > 0, err
}

func setSignUp(tx *store.Tx, a Account, record string) error {
	_, err := tx.Exec(`UPDATE account SET sign_up = $2, first_name = $3, last_name = $4, updated_at = $5 WHERE id = $1`,
		a.ID, record, a.FirstName, a.LastName, a.UpdatedAt)
	return err
}

func insertSession(tx *store.Tx, s Session, hash []byte, credentials clock.Time) error {
	_, err := tx.Exec(`INSERT INTO session (id, user_id, secret_hash, kind, credentials, address, user_agent, created_at, last_seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)`, s.ID, s.User, hash, s.Kind, credentials, s.Address, s.UserAgent, s.CreatedAt, s.ExpiresAt)
	return err
}

func listSessions(q store.Querier, user id.User, now clock.Time) ([]Session, error) {
	return store.All(q, `SELECT s.id, s.user_id, s.kind, s.address, s.user_agent, s.created_at, s.last_seen_at, s.expires_at
		FROM session s JOIN account a ON a.id = s.user_id AND a.credentials_changed_at = s.credentials
		WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.last_seen_at DESC, s.id DESC`,
		func(scan store.Scan) (s Session, err error) {
			return s, scan(&s.ID, &s.User, &s.Kind, &s.Address, &s.UserAgent, &s.CreatedAt, &s.LastSeenAt, &s.ExpiresAt)
		}, user, now)
}

func removeSession(tx *store.Tx, user id.User, session id.Session) (bool, error) {
	n, err := tx.Exec(`DELETE FROM session WHERE id = $1 AND user_id = $2`, session, user)
	return n == 1, err
}

// removeSessions ends every session of an account but one, which may be none.
func removeSessions(tx *store.Tx, user id.User, but id.Session) error {
	_, err := tx.Exec(`DELETE FROM session WHERE user_id = $1 AND id <> $2`, user, but)
	return err
}

// dropSessions leaves an account the sessions that last and were used last, at most
// keep, and tells how many went.
func dropSessions(tx *store.Tx, user id.User, now clock.Time, keep int64) (int64, error) {
	return tx.Exec(`DELETE FROM session WHERE user_id = $1 AND (expires_at <= $2 OR id IN (
		SELECT id FROM session WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC LIMIT 1000 OFFSET $3))`, user, now, keep)
}

func dropExpiredSessions(tx *store.Tx, now clock.Time) error {
	_, err := tx.Exec(`DELETE FROM session WHERE expires_at <= $1`, now)
	return err
}

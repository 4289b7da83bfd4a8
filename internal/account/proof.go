package account

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// purpose is what a link is for; a link works for nothing else.
type purpose string

const (
	signUpProof purpose = "sign_up"      // makes the account of an address
	verifyProof purpose = "verify"       // an account has its address
	emailProof  purpose = "change_email" // an account gets another address
	resetProof  purpose = "reset"        // an account gets another password
	askedProof  purpose = "asked"        // no link: a request that was answered, so that it is not answered twice
)

// How long links work.
const (
	SignUpLife      = 24 * time.Hour
	VerifyLife      = 24 * time.Hour
	ChangeEmailLife = 24 * time.Hour
	ResetLife       = time.Hour
	askedLife       = 24 * time.Hour // longer than a crash and the next start
)

// proof is a link that was sent and not used yet.
type proof struct {
	purpose purpose
	// subject is the account's id; for a sign-up, the key of the address.
	subject string
	// email is the address that whoever has the link can read; empty where the
	// operator handed it over.
	email string
	// credentials is when those of the account had last changed: a later change ends the link.
	credentials clock.Time
	expiresAt   clock.Time
}

func (p proof) user() id.User { return id.User(p.subject) }

// newSecret makes the secret of a link: 130 random bits.
func newSecret() string { return rand.Text() }

// maxSecret bounds what is looked up.
const maxSecret = 64

// errLink is the one answer to every link that does not work.
func errLink() error { return fault.New(fault.LinkInvalid, "") }

// proofOf makes the proof of an account for a purpose.
func proofOf(tx *store.Tx, a Account, what purpose, email string, life time.Duration) proof {
	return proof{what, string(a.ID), email, a.CredentialsChangedAt, tx.Now().Add(life)}
}

// openProof reads the proof of a secret and, but for a sign-up, its account; the secret
// of another purpose, or of an account that is disabled or has new credentials since,
// is none.
func (s *Service) openProof(q store.Querier, secret string, purposes ...purpose) (proof, row, error) {
	if secret == "" || len(secret) > maxSecret {
		return proof{}, row{}, errLink()
	}
	p, err := findProof(q, authn.HashAPIToken(secret), s.db.Now())
	if errors.Is(err, store.ErrNone) || (err == nil && !slices.Contains(purposes, p.purpose)) {
		return p, row{}, errLink()
	}
	if err != nil || p.purpose == signUpProof {
		return p, row{}, err
	}
	r, err := findByID(q, p.user())
	if errors.Is(err, store.ErrNone) || (err == nil && (r.DisabledAt != 0 || r.CredentialsChangedAt != p.credentials)) {
		err = errLink()
	}
	return p, r, err
}

const proofs = `SELECT purpose, subject, email, credentials, expires_at FROM proof `

func findProof(q store.Querier, hash []byte, now clock.Time) (proof, error) {
	return store.One(q, proofs+`WHERE secret_hash = $1 AND expires_at > $2`, func(s store.Scan) (p proof, err error) {
		return p, s(&p.purpose, &p.subject, &p.email, &p.credentials, &p.expiresAt)
	}, hash, now)
}

// saveProof keeps a proof in place of an earlier one for the same purpose.
func saveProof(tx *store.Tx, p proof, secret string) error {
	_, err := tx.Exec(`INSERT INTO proof (secret_hash, purpose, subject, email, credentials, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (purpose, subject) DO UPDATE SET secret_hash = excluded.secret_hash, email = excluded.email,
			credentials = excluded.credentials, expires_at = excluded.expires_at`,
		authn.HashAPIToken(secret), p.purpose, p.subject, p.email, p.credentials, p.expiresAt)
	return err
}

// markAsked tells whether a request is answered for the first time.
func markAsked(tx *store.Tx, request string) (bool, error) {
	n, err := tx.Exec(`INSERT INTO proof (secret_hash, purpose, subject, email, credentials, expires_at) VALUES ($1, $2, $3, '', 0, $4)
		ON CONFLICT DO NOTHING`, authn.HashAPIToken(request), askedProof, request, tx.Now().Add(askedLife))
	return n == 1, err
}

// dropProof uses a proof up.
func dropProof(tx *store.Tx, p proof) error {
	_, err := tx.Exec(`DELETE FROM proof WHERE purpose = $1 AND subject = $2`, p.purpose, p.subject)
	return err
}

// dropProofs ends every link of an account.
func dropProofs(tx *store.Tx, user id.User) error {
	_, err := tx.Exec(`DELETE FROM proof WHERE subject = $1`, user)
	return err
}

func dropExpiredProofs(tx *store.Tx, now clock.Time) error {
	_, err := tx.Exec(`DELETE FROM proof WHERE expires_at <= $1`, now)
	return err
}

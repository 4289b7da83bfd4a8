package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// audience is what our access tokens are for.
const audience = "guildhall"

// keyIDLength makes the token's header a multiple of three bytes long: existing
// command-line clients then recognise the token as a JWT and send it as Bearer.
const keyIDLength = 18

// Claims are what our access tokens say. They prove who the person is; what the
// person may do is never read from them.
type Claims struct {
	jwt.Claims
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	// Credentials is the moment (microseconds) of the account's last change of
	// credentials; a token from before it is dead.
	Credentials clock.Time `json:"cred"`
	// Session is the sign-in that the token belongs to and ends with; empty for one that the operator made.
	Session id.Session `json:"sid,omitempty"`
}

// Signer signs and checks access tokens. Its keys are in the database, sealed.
type Signer struct {
	db     *store.DB
	keeper *seal.Keeper
	life   time.Duration

	mu      sync.RWMutex
	issuer  string
	current jose.SigningKey
	public  map[string]*ecdsa.PublicKey
}

// NewSigner makes a signer whose tokens live for the given time.
func NewSigner(db *store.DB, keeper *seal.Keeper, life time.Duration) *Signer {
	return &Signer{db: db, keeper: keeper, life: life, public: map[string]*ecdsa.PublicKey{}}
}

// Life is how long an access token works.
func (s *Signer) Life() time.Duration { return s.life }

// SetIssuer names the server's public URL in the tokens signed from now on.
func (s *Signer) SetIssuer(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issuer = url
}

// privateKeyField is where a private key belongs, when it is sealed.
const privateKeyField = "private_key"

type keyRow struct{ id, public, private string }

const liveKeys = `SELECT id, public_key, private_key FROM signing_key WHERE retired_at = 0 ORDER BY created_at, id`

func scanKey(s store.Scan) (k keyRow, err error) { return k, s(&k.id, &k.public, &k.private) }

// Ensure loads the signing keys and makes the first one where there is none.
func (s *Signer) Ensure(ctx context.Context, permit store.Permit) error {
	rows, err := store.All(s.db.Reader(ctx), liveKeys, scanKey)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		// Another node may do the same at this moment; the server's head makes one of them wait.
		if err := store.Do(ctx, s.db, permit, s.create); err != nil {
			return fmt.Errorf("make a signing key: %w", err)
		}
	}
	return s.load(ctx)
}

func (s *Signer) create(tx *store.Tx) error {
	tx.Unaudited("the server makes its own signing key")
	rows, err := store.All(tx, liveKeys, scanKey)
	if err != nil || len(rows) > 0 {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	random := make([]byte, keyIDLength/2)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	keyID := hex.EncodeToString(random)
	sealed, err := s.keeper.Seal(tx, store.Server, keyID, privateKeyField, base64.StdEncoding.EncodeToString(der))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO signing_key (id, public_key, private_key, created_at, retired_at) VALUES ($1, $2, $3, $4, 0)`,
		keyID, base64.StdEncoding.EncodeToString(public), sealed, tx.Now())
	return err
}

func (s *Signer) load(ctx context.Context) error {
	q := s.db.Reader(ctx)
	rows, err := store.All(q, liveKeys, scanKey)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rows {
		text, err := s.keeper.Open(q, store.Server, row.id, privateKeyField, row.private)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", row.id, err)
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", row.id, err)
		}
		key, err := x509.ParseECPrivateKey(der)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", row.id, err)
		}
		s.public[row.id] = &key.PublicKey
		s.current = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: row.id, Algorithm: string(jose.ES256)}}
	}
	return nil
}

// Sign makes an access token for an account, as a part of a session where one is named.
func (s *Signer) Sign(now clock.Time, a Account, session id.Session) (token string, expires clock.Time, err error) {
	s.mu.RLock()
	key, issuer := s.current, s.issuer
	s.mu.RUnlock()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", 0, fmt.Errorf("sign an access token: %w", err)
	}
	expires = now.Add(s.life)
	token, err = jwt.Signed(signer).Claims(Claims{
		Claims: jwt.Claims{
			Issuer: issuer, Subject: string(a.ID), Audience: jwt.Audience{audience}, ID: id.New[string](),
			IssuedAt: jwt.NewNumericDate(now.Std()), Expiry: jwt.NewNumericDate(expires.Std()),
		},
		Email: a.Email, Name: a.Name, Credentials: a.CredentialsChangedAt, Session: session,
	}).Serialize()
	return token, expires, err
}

var errUnknownKey = errors.New("signed with a key that is not ours")

// verify checks the signature and the audience; the times are for the caller. The
// issuer is not compared: only we hold the keys, and the public URL may change.
func (s *Signer) verify(ctx context.Context, token string) (Claims, error) {
	var claims Claims
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return claims, err
	}
	if len(parsed.Headers) != 1 {
		return claims, errUnknownKey
	}
	key, ok := s.publicKey(parsed.Headers[0].KeyID)
	if !ok { // perhaps another node made it
		if err := s.load(ctx); err != nil {
			return claims, err
		}
		if key, ok = s.publicKey(parsed.Headers[0].KeyID); !ok {
			return claims, errUnknownKey
		}
	}
	if err := parsed.Claims(key, &claims); err != nil {
		return claims, err
	}
	if !claims.Audience.Contains(audience) || claims.Expiry == nil || claims.IssuedAt == nil {
		return claims, errors.New("not issued by this server for its API")
	}
	return claims, nil
}

func (s *Signer) publicKey(keyID string) (*ecdsa.PublicKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, ok := s.public[keyID]
	return key, ok
}

// JWKS is the published set of public keys.
func (s *Signer) JWKS() ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for keyID, key := range s.public {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return json.Marshal(set)
}

// SealedKeys lists the private keys, for who checks that everything sealed opens.
func SealedKeys(q store.Querier) ([]seal.Field, error) {
	return store.All(q, `SELECT id, private_key FROM signing_key ORDER BY id`, func(s store.Scan) (seal.Field, error) {
		f := seal.Field{Organization: store.Server, Name: privateKeyField}
		err := s(&f.Object, &f.Text)
		return f, err
	})
}

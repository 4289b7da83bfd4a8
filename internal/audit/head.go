package audit

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Hash is a SHA-256, written in hexadecimal digits.
type Hash []byte

// MarshalText writes the digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// UnmarshalText reads 64 digits.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(noHash) {
		return errors.New("is not a SHA-256 in hexadecimal digits")
	}
	*h = b
	return nil
}

// Head is where a chain stood at a moment. Who has noted one can tell later whether
// the chain still leads there.
type Head struct {
	Stream string    `json:"organization"`
	Seq    int64     `json:"seq"`
	Hash   Hash      `json:"hash"`
	At     time.Time `json:"at"`
}

// HeadOf reads the head of a chain; store.ErrNone where there is none.
func HeadOf(q store.Querier, stream string, now clock.Time) (Head, error) {
	h := Head{Stream: stream, At: now.Std()}
	hash, err := store.One(q, `SELECT seq, hash FROM organization_head WHERE organization_id = $1 AND kind <> 'account' AND seq > 0`,
		func(s store.Scan) (hash []byte, err error) { return hash, s(&h.Seq, &hash) }, stream)
	h.Hash = hash
	return h, err
}

// Heads reads the heads of all chains that have an event.
func Heads(q store.Querier, now clock.Time) ([]Head, error) {
	return store.All(q, `SELECT organization_id, seq, hash FROM organization_head WHERE kind <> 'account' AND seq > 0 ORDER BY organization_id`,
		func(s store.Scan) (Head, error) {
			h, hash := Head{At: now.Std()}, []byte(nil)
			err := s(&h.Stream, &h.Seq, &hash)
			h.Hash = hash
			return h, err
		})
}

// headType stands in the header of a signed head, so that nothing else that is signed
// can be taken for one.
const headType = "guildhall-head"

// Signer signs heads, so that whoever notes one elsewhere can show later whose it is.
type Signer struct {
	signer jose.Signer
	public jose.JSONWebKey
}

// NewSigner makes a signer of a key.
func NewSigner(key ed25519.PrivateKey) (*Signer, error) {
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.EdDSA), Use: "sig"}
	var err error
	if public.KeyID, err = keyName(public); err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType(headType)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: public.KeyID, Algorithm: public.Algorithm}}, options)
	if err != nil {
		return nil, fmt.Errorf("the key of the heads: %w", err)
	}
	return &Signer{signer, public}, nil
}

// keyName is the fingerprint of a key (RFC 7638), its name in the published set.
func keyName(key jose.JSONWebKey) (string, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// Key is the name of the signer's key.
func (s *Signer) Key() string { return s.public.KeyID }

// JWKS is the published set with the signer's public key.
func (s *Signer) JWKS() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.public}})
}

// Sign makes the text of a head that is to be noted: a JWS with the public key in it.
func (s *Signer) Sign(h Head) (string, error) { return s.sign(h) }

func (s *Signer) sign(statement any) (string, error) {
	text, err := json.Marshal(statement)
	if err != nil {
		return "", err
	}
	signed, err := s.signer.Sign(text)
	if err != nil {
		return "", fmt.Errorf("sign a head: %w", err)
	}
	return signed.CompactSerialize()
}

// unsign gives what was signed, and the name of the key that signed it.
func unsign(token string) (text []byte, key string, err error) {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, "", errors.New("it is not a signed head")
	}
	header := parsed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != headType || header.JSONWebKey == nil {
		return nil, "", errors.New("what is signed is not a head")
	}
	if text, err = parsed.Verify(header.JSONWebKey); err != nil {
		return nil, "", errors.New("its signature does not match")
	}
	key, err = keyName(*header.JSONWebKey)
	return text, key, err
}

// strictly reads JSON that has these fields and no others.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

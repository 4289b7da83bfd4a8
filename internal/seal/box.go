package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// Box encrypts with one key. The additional data is not kept in the sealed bytes:
// whoever opens must know where they belong, so a value moved elsewhere stays shut.
type Box struct{ aead cipher.AEAD }

// NewBox makes a box of a 32-byte key.
func NewBox(key []byte) *Box {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // a programming error: keys come from this package
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &Box{aead: aead}
}

// Seal encrypts; the nonce stands first.
func (b *Box) Seal(plain, additional []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	return b.aead.Seal(nonce, nonce, plain, additional)
}

// errShut tells nothing of the value or the key.
var errShut = errors.New("the sealed value cannot be opened: wrong key, or it was altered or moved")

// Open decrypts what Seal made with the same additional data.
func (b *Box) Open(sealed, additional []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, errShut
	}
	plain, err := b.aead.Open(nil, sealed[:n], sealed[n:], additional)
	if err != nil {
		return nil, errShut
	}
	return plain, nil
}

package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"
)

// API tokens look like qov_ + 54 random characters + 6 of checksum: 64 characters,
// no dot. The underscore makes existing command-line clients send them under the
// scheme "Token"; the checksum lets scanners and the server drop a mistyped one
// without a look into the database.
const (
	TokenPrefix  = "qov_"
	tokenLength  = 64
	randomLength = 54
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewAPIToken makes the secret text of an API token.
func NewAPIToken() string {
	var b strings.Builder
	b.WriteString(TokenPrefix)
	size := big.NewInt(int64(len(alphabet)))
	for range randomLength {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			panic(err) // crypto/rand does not fail on supported systems
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String() + checksum(b.String())
}

func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	out := make([]byte, tokenLength-len(TokenPrefix)-randomLength)
	for i := range out {
		out[len(out)-1-i] = alphabet[sum%uint32(len(alphabet))]
		sum /= uint32(len(alphabet))
	}
	return string(out)
}

// WellFormedAPIToken tells whether a text can be an API token at all.
func WellFormedAPIToken(s string) bool {
	return len(s) == tokenLength && strings.HasPrefix(s, TokenPrefix) &&
		checksum(s[:tokenLength-6]) == s[tokenLength-6:]
}

// HashAPIToken is what the database keeps of a token. The token has 320 bits of
// chance, so a plain hash is enough.
func HashAPIToken(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// HashSecret is the text form of a random secret's hash, for one-time links.
func HashSecret(s string) string { return hex.EncodeToString(HashAPIToken(s)) }

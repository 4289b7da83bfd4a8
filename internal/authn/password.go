package authn

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Password rules: length and what is known to attackers, as NIST SP 800-63B advises.
const (
	MinPassword = 8
	MaxPassword = 256
)

// What a kept hash may ask for at most: a damaged row must not bring the server down.
const (
	mostMemory = 1 << 20 // KiB
	mostPasses = 64
)

// Hasher hashes passwords with argon2id. The zero value is not usable.
type Hasher struct {
	memory uint32 // KiB
	time   uint32
	slots  chan struct{} // bounds the memory of concurrent hashings
	dummy  string
}

// NewHasher makes a hasher with the strength for production (OWASP: 19 MiB, 2 passes).
func NewHasher() *Hasher { return newHasher(19*1024, 2) }

// NewCheapHasher makes a hasher for tests.
func NewCheapHasher() *Hasher { return newHasher(64, 1) }

func newHasher(memory, passes uint32) *Hasher {
	h := &Hasher{memory: memory, time: passes, slots: make(chan struct{}, max(2, runtime.NumCPU()))}
	h.dummy = h.Hash("a password that nobody has")
	return h
}

// Passwords are the rules for new passwords. The zero value knows the most common ones.
type Passwords struct{ Breached *Breached }

const tooCommon = "is on a list of passwords that attackers try first: choose another, a few words that do not belong together for instance"

// Check tells what is wrong with a new password for the account of an address. There are
// no rules about kinds of characters: they make passwords alike, not strong.
func (p Passwords) Check(checks *fault.Checks, field, password, email string) {
	name, _, _ := strings.Cut(email, "@")
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		checks.Add(field, "must be valid UTF-8 text")
	case n < MinPassword:
		checks.Add(field, "must have at least %d characters", MinPassword)
	case n > MaxPassword:
		checks.Add(field, "must have at most %d characters", MaxPassword)
	case strings.EqualFold(password, email), strings.EqualFold(password, name):
		checks.Add(field, "must not be the address of the account")
	case common[strings.ToLower(password)]:
		checks.Add(field, tooCommon)
	default:
		listed, err := p.Breached.Has(password)
		if err != nil {
			slog.Error("the list of breached passwords cannot be read", slog.Any("error", err))
			checks.Add(field, "could not be held against the list of breached passwords; tell the operator of the server")
		}
		if listed {
			checks.Add(field, tooCommon)
		}
	}
}

// Hash gives the password's hash in the usual encoded form.
func (h *Hasher) Hash(password string) string {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	key := h.key(password, salt, h.memory, h.time)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.memory, h.time,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func (h *Hasher) key(password string, salt []byte, memory, passes uint32) []byte {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, passes, memory, 1, 32)
}

// Matches compares a password with a hash. An empty hash (no such account, or one
// without a password) costs the same and never matches.
func (h *Hasher) Matches(hash, password string) bool {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	var version int
	var memory, passes, lanes uint32
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil {
		return false
	}
	if memory > mostMemory || passes < 1 || passes > mostPasses {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(password) > 4*MaxPassword {
		return false
	}
	same := subtle.ConstantTimeCompare(h.key(password, salt, memory, passes), want) == 1
	return same && known
}

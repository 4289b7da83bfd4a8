package device

import (
	"crypto/rand"
	"math/big"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// letters make codes that are easily read and typed, and no words (RFC 8628, 6.1).
const letters = "BCDFGHJKLMNPQRSTVWXZ"

// codeLength letters are 34 bits of chance; guesses are few, see Service.guesses.
const codeLength = 8

func newUserCode() string {
	var b strings.Builder
	for range codeLength {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(err) // crypto/rand does not fail on supported systems
		}
		b.WriteByte(letters[n.Int64()])
	}
	return b.String()
}

// shownCode is a code as people read it.
func shownCode(code string) string { return code[:codeLength/2] + "-" + code[codeLength/2:] }

// typedCode is what somebody typed, without what does not matter; false for no code at all.
func typedCode(text string) (string, bool) {
	if len(text) > 64 {
		return "", false
	}
	var b strings.Builder
	for _, c := range strings.ToUpper(text) {
		switch {
		case strings.ContainsRune(letters, c):
			b.WriteRune(c)
		case c != '-' && c != ' ':
			return "", false
		}
	}
	return b.String(), b.Len() == codeLength
}

// polls remembers when programs asked last. It is kept by each node for itself: a
// question must not become a write, and several nodes make it a few times as many at most.
type polls struct {
	clock clock.Clock
	mu    sync.Mutex
	last  *lru.Cache[string, poll]
}

type poll struct {
	at       time.Time
	interval time.Duration
}

// jitter is how much earlier than it should a question may arrive, on a quick way after
// a slow one; maxInterval bounds what impatience brings.
const jitter, maxInterval = 500 * time.Millisecond, time.Minute

func newPolls(c clock.Clock) *polls {
	last, err := lru.New[string, poll](20_000)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &polls{clock: c, last: last}
}

// tooEarly notes a question, and tells whether it came before its time.
func (p *polls) tooEarly(grant string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	before, known := p.last.Get(grant)
	if !known {
		p.last.Add(grant, poll{now, Interval})
		return false
	}
	early := now.Sub(before.at) < before.interval-jitter
	if early {
		before.interval = min(before.interval+Interval, maxInterval)
	}
	p.last.Add(grant, poll{now, before.interval})
	return early
}

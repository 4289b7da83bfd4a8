package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// limits slow down guesses and letters. None of them may keep the owner of an account
// out because somebody else guesses: see decision record 28.
type limits struct {
	pair       *authn.Limiter // tries for one account from one network, or by one known browser
	address    *authn.Limiter // tries from one network
	everywhere *authn.Limiter // tries for one account by strangers, from all networks together
	own        *authn.Limiter // passwords that are asked again of who is signed in as an account
	letters    *authn.Limiter // letters of one kind that are asked for to one address
	visitor    *authn.Limiter // letters and accounts that are asked for from one network
}

func newLimits(c clock.Clock) limits {
	return limits{
		pair:       authn.NewLimiter(c, 10, 30*time.Second),
		address:    authn.NewLimiter(c, 100, time.Second),
		everywhere: authn.NewLimiter(c, 100, time.Minute),
		own:        authn.NewLimiter(c, 10, 30*time.Second),
		letters:    authn.NewLimiter(c, 5, 5*time.Minute),
		visitor:    authn.NewLimiter(c, 30, 10*time.Second),
	}
}

// tryPassword takes a try to sign in, and gives the key to forget it by after a success.
// A browser in which the account was signed in before has tries of its own; a network
// from which it is signed in is not held up by what comes from others.
func (s *Service) tryPassword(ctx context.Context, client authn.Client, email, browser string) (string, error) {
	account := authn.Key(email)
	if s.knowsBrowser(browser, account) {
		key := "browser|" + authn.HashSecret(browser)
		return key, s.limits.pair.Try(key)
	}
	if err := s.limits.address.Try(client.Network()); err != nil {
		return "", err
	}
	key := client.Network() + "|" + account
	if err := s.limits.pair.Try(key); err != nil {
		return "", err
	}
	slow := s.limits.everywhere.Try(account)
	if slow == nil {
		return key, nil
	}
	known, err := signedInFrom(s.db.Reader(ctx), account, client.Network(), s.db.Now())
	if err != nil {
		return "", err
	}
	if !known {
		return "", slow
	}
	return key, nil
}

// samePassword refuses a wrong password of who is signed in already, beside the field that
// it was given in. The tries are the account's, so that a stolen session does not guess
// from many networks, and not those of signing in, so that it does not keep the owner out.
func (s *Service) samePassword(r row, field, password string) error {
	if err := s.limits.own.Try(string(r.ID)); err != nil {
		return err
	}
	if !s.hasher.Matches(r.hash, password) {
		checks := &fault.Checks{}
		checks.Add(field, "is not the password of this account")
		return checks.Err()
	}
	s.limits.own.Forget(string(r.ID))
	return nil
}

// slow bounds the letters of a kind to one address and the requests of one client. By
// kind, so that who asks for one sort for another's address stops no other sort.
func (s *Service) slow(client authn.Client, kind purpose, email string) error {
	if err := s.limits.visitor.Try(client.Network()); err != nil {
		return err
	}
	return s.limits.letters.Try(string(kind) + "|" + authn.Key(email))
}

// BrowserLife is how long a browser is known in which somebody signed in.
const BrowserLife = 180 * 24 * time.Hour

// Recognise sets the key by which browsers are known again.
func (s *Service) Recognise(key []byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("known browsers"))
	s.browsers = mac.Sum(nil)
}

// KnownBrowser makes what a browser keeps after somebody signed in with it. It opens
// nothing: it only has tries of its own.
func (s *Service) KnownBrowser(email string) string {
	head := strconv.FormatInt(int64(s.db.Now()), 10) + "." + rand.Text()
	return head + "." + s.browserMAC(head, authn.Key(email))
}

// maxBrowser bounds what is looked at.
const maxBrowser = 128

func (s *Service) knowsBrowser(text, account string) bool {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || len(text) > maxBrowser || len(s.browsers) == 0 {
		return false
	}
	head, mac := text[:i], text[i+1:]
	if !hmac.Equal([]byte(mac), []byte(s.browserMAC(head, account))) {
		return false
	}
	made, _, _ := strings.Cut(head, ".")
	at, err := strconv.ParseInt(made, 10, 64)
	return err == nil && s.db.Now() < clock.Time(at).Add(BrowserLife)
}

func (s *Service) browserMAC(head, account string) string {
	mac := hmac.New(sha256.New, s.browsers)
	mac.Write([]byte(head + "\x00" + account))
	return hex.EncodeToString(mac.Sum(nil))
}

// signedInFrom tells whether somebody is signed in as the account of an address from a network.
func signedInFrom(q store.Querier, account, network string, now clock.Time) (bool, error) {
	addresses, err := store.All(q, `SELECT s.address FROM session s JOIN account a ON a.id = s.user_id AND a.credentials_changed_at = s.credentials
		WHERE a.email_key = $1 AND s.expires_at > $2`, func(scan store.Scan) (address string, err error) { return address, scan(&address) }, account, now)
	for _, address := range addresses {
		if (authn.Client{Address: address}).Network() == network {
			return true, err
		}
	}
	return false, err
}

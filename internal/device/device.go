// Package device signs programs in that have no browser: the program shows a code, its
// owner approves it in a browser on any machine (RFC 8628), and the program goes on with
// refresh tokens.
package device

import (
	"time"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const (
	// Life is how long a code can be approved and traded.
	Life = 10 * time.Minute
	// Interval is the least time between two questions of a program; each that comes
	// too early makes it longer by as much (RFC 8628, 3.5).
	Interval = 5 * time.Second
	// maxClient bounds what a client calls itself, in characters.
	maxClient = 128
)

// Accounts is what programs need of accounts.
type Accounts interface {
	// EnterDevice opens a program's session in a Write on the account's head; fault.BadCredentials
	// where the account's credentials are not the same any more.
	EnterDevice(tx *store.Tx, client authn.Client, a authn.Account) (id.Session, error)
	// Prolong lets the session last as long as a new one; false where it has ended.
	Prolong(tx *store.Tx, a authn.Account, session id.Session) (bool, error)
	// Leave ends it.
	Leave(tx *store.Tx, user id.User, session id.Session) error
	// Sign makes an access token that ends with the session.
	Sign(a authn.Account, session id.Session) (token string, expires clock.Time, err error)
}

// Service gives codes and tokens to programs.
type Service struct {
	db       *store.DB
	accounts Accounts
	outbox   Outbox
	polls    *polls
	address  *authn.Limiter // requests for codes from one address
	all      *authn.Limiter // requests for codes at all: each is a row
	guesses  *authn.Limiter // codes that one person types
	tokens   *authn.Limiter // wrong codes and tokens from one address
}

// NewService makes the service.
func NewService(db *store.DB, c clock.Clock, accounts Accounts, outbox Outbox) *Service {
	return &Service{
		db: db, accounts: accounts, outbox: outbox, polls: newPolls(c),
		address: authn.NewLimiter(c, 20, 10*time.Second),
		all:     authn.NewLimiter(c, 1000, 100*time.Millisecond),
		guesses: authn.NewLimiter(c, 10, 30*time.Second),
		tokens:  authn.NewLimiter(c, 100, time.Second),
	}
}

// state is how far a code is.
type state string

const (
	pending  state = "pending"
	approved state = "approved"
	denied   state = "denied"
)

// grant is a program's wish to be signed in.
type grant struct {
	id          string
	client      string
	address     string
	userAgent   string
	state       state
	user        id.User
	credentials clock.Time // of who approved it, at that moment
	createdAt   clock.Time
	expiresAt   clock.Time
}

// DropExpired removes the codes that are over.
func (*Service) DropExpired(tx *store.Tx) error { return dropExpired(tx, tx.Now()) }

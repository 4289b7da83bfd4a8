package account

import (
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Registration says who may make an account by themselves.
type Registration string

// The kinds of registration.
const (
	Open    Registration = "open"    // anybody
	Invited Registration = "invited" // whoever an invitation waits for
)

// Neighbours are what accounts need of the rest of the server; app passes them in.
type Neighbours struct {
	Mail          Mail
	Jobs          Jobs
	Invitations   Invitations
	Organizations Organizations
	// Leavers take away what a person leaves behind.
	Leavers []Leaver
	// Keepers forget the addresses of a person who is erased.
	Keepers []Keeper
}

// Mail is how letters leave.
type Mail interface {
	Enabled() bool
	Send(tx *store.Tx, to string, l mail.Letter) error
}

// Jobs is work that is done after the answer.
type Jobs interface {
	Handle(kind string, h job.Handler)
	Enqueue(tx *store.Tx, kind string, payload any, due clock.Time) error
}

// Invitations is what accounts need of invitations.
type Invitations interface {
	// Waiting tells whether an invitation waits for an address.
	Waiting(q store.Querier, email string) (bool, error)
	// Addressee is the address that an invitation's link is for; 404 where the
	// invitation is gone or has expired.
	Addressee(q store.Querier, organization id.Organization, invitation string) (string, error)
}

// Organizations is what accounts need of organizations.
type Organizations interface {
	// Owned names what a person owns, each organization as a part of a sentence.
	Owned(q store.Querier, user id.User) ([]string, error)
}

// Leaver is a feature that keeps something of a person in organizations.
type Leaver interface {
	// Places are the organizations in which it does.
	Places(q store.Querier, user id.User) ([]id.Organization, error)
	// Leave takes it away, with an event in each; their heads are locked.
	Leave(tx *store.Tx, by audit.Holder, user id.User) error
}

// Connect gives the service its neighbours and says who may register.
func (s *Service) Connect(n Neighbours, registration Registration) {
	s.near, s.registration = n, registration
	n.Jobs.Handle(signUpJob, s.answerSignUp)
	n.Jobs.Handle(resetJob, s.answerReset)
	n.Jobs.Handle(eraseJob, s.erase)
}

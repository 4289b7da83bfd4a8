// Package id makes and checks identifiers. Keys are time-ordered (UUIDv7), which
// keeps inserts at one end of every index; secrets in links are random (UUIDv4).
package id

import (
	"strings"

	"github.com/google/uuid"
)

// Branded identifiers: the compiler keeps a user's id out of an organization's place.
type (
	// Organization names an organization.
	Organization string
	// User names a person's account.
	User string
	// Token names an API token.
	Token string
	// Object names an addressable object: a project, an environment, a registry.
	Object string
	// Role names a role of one organization.
	Role string
	// Event names an event of the activity log.
	Event string
	// Session names a sign-in.
	Session string
	// Identity names who somebody is at a provider of identities.
	Identity string
)

// Nil is the id of nothing.
const Nil = "00000000-0000-0000-0000-000000000000"

// New makes a time-ordered id.
func New[T ~string]() T { return T(uuid.Must(uuid.NewV7()).String()) }

// Derived makes the same id each time for the same owner and name; it serves
// things that are data rather than rows, such as an organization's built-in roles.
func Derived[T ~string](owner, name string) T {
	space, err := uuid.Parse(owner)
	if err != nil {
		space = uuid.NameSpaceURL
	}
	return T(uuid.NewSHA1(space, []byte(name)).String())
}

// Parse accepts the 36-character form in any case and gives it in lower case.
func Parse[T ~string](s string) (T, bool) {
	if len(s) != 36 {
		return "", false
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	return T(strings.ToLower(u.String())), true
}

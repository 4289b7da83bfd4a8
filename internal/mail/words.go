package mail

import (
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/clock"
)

// By names in a letter who did something; it begins a sentence.
func By(a authn.Actor) string {
	switch a.Kind {
	case authn.Person:
		return a.Name
	case authn.APIToken:
		return "The API token " + a.Name
	}
	return "The operator of this server"
}

// Day writes a moment for people.
func Day(t clock.Time) string { return t.Std().Format("2 January 2006, 15:04 UTC") }

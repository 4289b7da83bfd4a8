package account

import (
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/mail"
)

// notYou ends the letters about something that the reader may not have asked for.
const notYou = "If it was not you, you can ignore this letter: nothing happens without the link."

func finishSignUp(email, path string) mail.Letter {
	return mail.Letter{
		Subject: "Finish your sign-up", Heading: "Your address is nearly confirmed",
		Paragraphs: []string{fmt.Sprintf("Somebody, you I hope, asked for an account with the address %s. Choose a password to make it.", email)},
		Action:     &mail.Action{Label: "Choose a password", URL: path},
		Notes:      []string{"The link works for 24 hours, once.", notYou},
	}
}

func accountThere(email, path string) mail.Letter {
	return mail.Letter{
		Subject: "You have an account already", Heading: "You have an account already",
		Paragraphs: []string{
			fmt.Sprintf("Somebody asked for a new account with the address %s, and there is one.", email),
			"Sign in with it. If you do not know the password any more, the page of signing in leads to a new one.",
		},
		Action: &mail.Action{Label: "Sign in", URL: path},
		Notes:  []string{"If it was not you, you can ignore this letter: nothing has changed."},
	}
}

func verifyAddress(email, path string) mail.Letter {
	return mail.Letter{
		Subject: "Confirm your address", Heading: "Confirm your address",
		Paragraphs: []string{fmt.Sprintf("An account was made with the address %s. Confirm that it is yours, so that invitations for it reach you.", email)},
		Action:     &mail.Action{Label: "Confirm the address", URL: path},
		Notes:      []string{"The link works for 24 hours, once, for who is signed in with the account or knows its password.", notYou},
	}
}

func resetPassword(email, path string) mail.Letter {
	return mail.Letter{
		Subject: "Choose a new password", Heading: "Choose a new password",
		Paragraphs: []string{fmt.Sprintf("Somebody asked for a new password for the account %s.", email)},
		Action:     &mail.Action{Label: "Choose a new password", URL: path},
		Notes:      []string{"The link works for one hour, once.", notYou},
	}
}

func passwordChanged(email string) mail.Letter {
	return mail.Letter{
		Subject: "Your password was changed", Heading: "Your password was changed",
		Paragraphs: []string{
			fmt.Sprintf("The password of the account %s was changed. Everybody who was signed in with it is signed out.", email),
			"If it was not you, choose a new password now.",
		},
		Action: &mail.Action{Label: "It was not me", URL: "/reset"},
	}
}

func confirmEmail(old, email, path string) mail.Letter {
	return mail.Letter{
		Subject: "Confirm your new address", Heading: "Confirm your new address",
		Paragraphs: []string{fmt.Sprintf("The account %s asks for the address %s. It changes when you confirm it.", old, email)},
		Action:     &mail.Action{Label: "Confirm the address", URL: path},
		Notes:      []string{"The link works for 24 hours, once, for who is signed in with the account or knows its password.", notYou},
	}
}

func emailRequested(old, email string) mail.Letter {
	return mail.Letter{
		Subject: "Another address was asked for", Heading: "Another address was asked for",
		Paragraphs: []string{
			fmt.Sprintf("Somebody who knows the password of the account %s asked to change its address to %s. It changes when that address is confirmed.", old, email),
			"If it was not you, choose a new password now: that stops it.",
		},
		Action: &mail.Action{Label: "It was not me", URL: "/reset"},
	}
}

func emailChanged(old, email string) mail.Letter {
	return mail.Letter{
		Subject: "Your address was changed", Heading: "Your address was changed",
		Paragraphs: []string{fmt.Sprintf("The account %s has the address %s from now on; this one is not used any more. If it was not you, tell the operator of the server.", old, email)},
	}
}

func accountClosed(email string) mail.Letter {
	return mail.Letter{
		Subject: "Your account was deleted", Heading: "Your account was deleted",
		Paragraphs: []string{fmt.Sprintf("The account %s is gone, with its memberships and API tokens. The address can be used for a new one.", email)},
	}
}

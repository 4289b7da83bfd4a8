package authn

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// MaxEmail is the longest address that SMTP can carry.
const MaxEmail = 254

// Key is the form in which names and addresses are compared: NFKC, case folded,
// without what cannot be seen. Two names that differ only by case, by look-alike
// width or by an invisible character share a key, and the key of a key is itself.
func Key(s string) string {
	visible := strings.Map(func(c rune) rune {
		if Invisible(c) {
			return -1
		}
		return c
	}, s)
	folded := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(visible)))
	return strings.TrimSpace(strings.Map(cherokee, folded))
}

// cherokee mends the folding library, which makes the small letters of Cherokee of
// the capitals and the capitals of the small letters.
func cherokee(c rune) rune {
	switch {
	case c >= '\uab70' && c <= '\uabbf':
		return c - '\uab70' + '\u13a0'
	case c >= '\u13f8' && c <= '\u13fd':
		return c - '\u13f8' + '\u13f0'
	}
	return c
}

// Invisible finds the characters that leave no mark of their own: joiners, marks of
// direction, soft hyphens, fillers, variation selectors.
func Invisible(c rune) bool {
	if c < utf8.RuneSelf {
		return false
	}
	return unicode.In(c, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, c)
}

// SameMailbox tells whether two addresses are one person's, up to case and width. Key is
// too generous for that: so that no two accounts look alike, it takes straße.example for
// strasse.example, which are two domains with two owners.
func SameMailbox(a, b string) bool { return mailbox(a) == mailbox(b) }

func mailbox(address string) string {
	return strings.Map(func(c rune) rune {
		if small := unicode.ToLower(c); unicode.ToUpper(small) == c {
			return small
		}
		return c // a capital with another small letter of its own
	}, norm.NFKC.String(strings.TrimSpace(address)))
}

// CheckEmail tells what is wrong with an address, and gives it trimmed.
func CheckEmail(checks *fault.Checks, field, address string) string {
	address = strings.TrimSpace(address)
	parsed, err := mail.ParseAddress(address)
	switch {
	case address == "":
		checks.Add(field, "is required")
	case len(address) > MaxEmail:
		checks.Add(field, "must have at most %d characters", MaxEmail)
	case err != nil || parsed.Address != address || parsed.Name != "" || strings.ContainsFunc(address, unwritable):
		checks.Add(field, "must be an e-mail address such as jane@example.com")
	}
	return address
}

// unwritable finds what would make two addresses look the same, or turn the text around.
func unwritable(c rune) bool {
	return c == utf8.RuneError || unicode.IsControl(c) || unicode.IsSpace(c) || Invisible(c)
}

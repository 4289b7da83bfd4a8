package route

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Bounds of texts that come from outside, in characters.
const (
	MaxName        = 128
	MaxDescription = 2000
	MaxURL         = 2048
)

// CheckName gives a name trimmed and tells what is wrong with it. Names go into
// mails, pages and file names, so what would need escaping there is refused here.
func CheckName(checks *fault.Checks, field, name string) string {
	name = strings.TrimSpace(name)
	switch {
	case authn.Key(name) == "":
		checks.Add(field, "is required and cannot be blank")
	case utf8.RuneCountInString(name) > MaxName:
		checks.Add(field, "must have at most %d characters", MaxName)
	case strings.ContainsFunc(name, unprintable):
		checks.Add(field, "must not contain control or invisible characters")
	case strings.ContainsAny(name, "<>;"):
		checks.Add(field, "must not contain <, > or ;")
	}
	return name
}

// unprintable finds what a reader cannot see or what turns the reading direction:
// two names that look the same must be the same. Joiners and variation selectors are
// a part of some scripts and of emoji; keys leave them out.
func unprintable(c rune) bool {
	switch {
	case c == '\u200c', c == '\u200d', unicode.Is(unicode.Variation_Selector, c):
		return false
	}
	return c == utf8.RuneError || unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || authn.Invisible(c)
}

// CheckText tells whether a free text is within its bounds.
func CheckText(checks *fault.Checks, field string, text *string, most int) {
	if text != nil && utf8.RuneCountInString(*text) > most {
		checks.Add(field, "must have at most %d characters", most)
	}
}

// CheckURL gives nil for an empty address and tells what is wrong with others.
func CheckURL(checks *fault.Checks, field string, address *string) *string {
	if address == nil || *address == "" {
		return nil
	}
	u, err := url.Parse(*address)
	switch {
	case len(*address) > MaxURL:
		checks.Add(field, "must have at most %d characters", MaxURL)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		checks.Add(field, "must be an address that starts with http:// or https://")
	}
	return address
}

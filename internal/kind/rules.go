package kind

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// MaxText bounds an identifier that another system gave: a key's id, a user name.
const MaxText = 512

// MaxSecret bounds a secret; the longest are keys in JSON, as base64.
const MaxSecret = 32 << 10

// Text gives a text that must be there and hold nothing that cannot be seen.
func Text(checks *fault.Checks, field, text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		checks.Add(field, "is required")
	}
	return Maybe(checks, field, text)
}

// Maybe is Text for what may be empty.
func Maybe(checks *fault.Checks, field, text string) string {
	text = strings.TrimSpace(text)
	switch {
	case utf8.RuneCountInString(text) > MaxText:
		checks.Add(field, "must have at most %d characters", MaxText)
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		checks.Add(field, "must not contain control or invisible characters")
	}
	return text
}

// Hidden tells whether a secret is within its bounds. It is taken as it is.
func Hidden(checks *fault.Checks, field, secret string) string {
	if len(secret) > MaxSecret {
		checks.Add(field, "must have at most %d bytes", MaxSecret)
	}
	return secret
}

// Description puts a description in its place; one that is left out stays.
func Description(checks *fault.Checks, text *string, to *string) {
	route.CheckText(checks, "description", text, route.MaxDescription)
	if text != nil {
		*to = *text
	}
}

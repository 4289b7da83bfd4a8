package authn

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// MaxEmail is the longest address that SMTP can carry.
const MaxEmail = 254

// Key is the form in which names and addresses are compared: NFKC, case folded.
// Two names that differ only by case or by look-alike width share a key.
func Key(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s))))
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
	case err != nil || parsed.Address != address || parsed.Name != "" || strings.ContainsFunc(address, unicode.IsControl):
		checks.Add(field, "must be an e-mail address such as jane@example.com")
	}
	return address
}

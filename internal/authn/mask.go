package authn

import (
	"regexp"
	"strings"
)

// secretShapes are how what we give out as secret looks: API tokens, access tokens, secrets
// of links, sessions and devices, hashes of passwords, and passwords in addresses.
var secretShapes = regexp.MustCompile(`qov_[0-9A-Za-z]{8,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+|\b[A-Z2-7]{26,}\b|\$argon2[^\s"]+|://[^\s/@"]*:[^\s/@"]*@`)

// masked stands for a secret.
const masked = "***"

// leastKnown is how long a text must be to be masked for being known.
const leastKnown = 6

// Mask takes out of a text of unknown content, a panic's for instance, what looks like a
// secret of ours, and the secrets that are known. A log is read by more people than may
// have them.
func Mask(text string, known ...string) string {
	for _, secret := range known {
		if len(secret) >= leastKnown {
			text = strings.ReplaceAll(text, secret, masked)
		}
	}
	return secretShapes.ReplaceAllString(text, masked)
}

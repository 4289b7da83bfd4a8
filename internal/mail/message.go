package mail

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// message is a letter as it goes over the wire, with its envelope.
type message struct {
	from, to string // in angle brackets, as SMTP writes them
	text     []byte
	// international tells that an address needs letters outside ASCII.
	international bool
}

// compose writes the message. Its id is the letter's own, however often it is tried,
// so that a receiver can tell a copy.
func compose(letter string, at clock.Time, from mail.Address, to string, l Letter, publicURL string) (message, error) {
	recipient, err := mail.ParseAddress(to)
	if err != nil {
		return message{}, fmt.Errorf("the recipient's address cannot be written into a letter: %w", err)
	}
	recipient.Name = ""
	recipient.Address, from.Address = wireAddress(recipient.Address), wireAddress(from.Address)
	l = l.addressed(publicURL)
	html, err := l.html(publicURL)
	if err != nil {
		return message{}, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.SetAddrHeaderFromMailAddress(gomail.HeaderFrom, &from)
	m.SetAddrHeaderFromMailAddress(gomail.HeaderTo, recipient)
	m.Subject(l.subject())
	m.SetMessageIDWithValue(letter + "@" + domain(from.Address))
	m.SetDateWithValue(at.Std())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence note answers it
	if l.Unsubscribe != "" {
		m.SetGenHeader("List-Unsubscribe", "<"+l.Unsubscribe+">")
		if strings.HasPrefix(l.Unsubscribe, "https://") { // RFC 8058 wants no other
			m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	m.SetBodyString(gomail.TypeTextPlain, l.text(publicURL))
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return message{}, fmt.Errorf("write the letter: %w", err)
	}
	bare := mail.Address{Address: from.Address}
	w := message{from: bare.String(), to: recipient.String(), text: b.Bytes()}
	w.international = !ascii(w.from) || !ascii(w.to)
	return w, nil
}

// wireAddress writes an international domain in the ASCII form that every server takes.
func wireAddress(address string) string {
	name, host := address[:strings.LastIndexByte(address, '@')+1], domain(address)
	if plain, err := idna.Lookup.ToASCII(host); err == nil && !ascii(host) {
		return name + plain
	}
	return address
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

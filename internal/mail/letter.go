// Package mail writes letters and sends them: queued in the transaction of the change
// that they tell of, sealed while they wait, handed to an SMTP server at most once.
package mail

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Letter is one message in plain words; one layout makes text and HTML of it.
type Letter struct {
	Subject    string   `json:"subject"`
	Heading    string   `json:"heading"`
	Paragraphs []string `json:"paragraphs"`
	// Figures are numbers with their names, one below the other.
	Figures []Figure `json:"figures,omitempty"`
	// Action is the one thing to do, as a button; nil where there is nothing.
	Action *Action `json:"action,omitempty"`
	// Notes are the small print.
	Notes []string `json:"notes,omitempty"`
	// Unsubscribe is where letters of this sort can be ended, written as Action's URL;
	// empty where they cannot. A POST there ends them at once (RFC 8058).
	Unsubscribe string `json:"unsubscribe,omitempty"`
}

// Figure is one line of a letter's numbers.
type Figure struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Action is a link with words on it. The URL may be a path of this server ("/reset?…"),
// which becomes an address of it when the letter is sent.
type Action struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

//go:embed letter.html
var layout string

var page = template.Must(template.New("letter").Parse(layout))

// textWidth is where lines of the text part are broken.
const textWidth = 72

// addressed is the letter with every link whole.
func (l Letter) addressed(publicURL string) Letter {
	if l.Action != nil && strings.HasPrefix(l.Action.URL, "/") {
		l.Action = &Action{l.Action.Label, publicURL + l.Action.URL}
	}
	if strings.HasPrefix(l.Unsubscribe, "/") {
		l.Unsubscribe = publicURL + l.Unsubscribe
	}
	return l
}

// html is the letter for programs that show HTML.
func (l Letter) html(publicURL string) (string, error) {
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		Letter
		Server string
	}{l, publicURL})
	return b.String(), err
}

// text is the letter for everybody else.
func (l Letter) text(publicURL string) string {
	parts := []string{wrap(l.Heading)}
	for _, p := range l.Paragraphs {
		parts = append(parts, wrap(p))
	}
	if len(l.Figures) > 0 {
		lines := make([]string, len(l.Figures))
		for i, f := range l.Figures {
			lines[i] = wrap(f.Name + ": " + f.Value)
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	if l.Action != nil {
		parts = append(parts, wrap(l.Action.Label+":")+"\n"+l.Action.URL)
	}
	for _, n := range l.Notes {
		parts = append(parts, wrap(n))
	}
	if l.Unsubscribe != "" {
		parts = append(parts, "No more of these letters:\n"+l.Unsubscribe)
	}
	parts = append(parts, "-- \nGuildhall, "+publicURL)
	return strings.Join(parts, "\n\n") + "\n"
}

// wrap breaks a paragraph between words; a word that is longer than a line stays
// whole, because it may be a link.
func wrap(paragraph string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(paragraph) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > textWidth:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// maxSubject keeps a subject shorter than any line that a server takes.
const maxSubject = 200

// subject makes one line of the letter's subject: what could end a header becomes a
// space, and what reads like an encoded word is not one.
func (l Letter) subject() string {
	words := strings.FieldsFunc(strings.ToValidUTF8(l.Subject, ""), func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) })
	text := []rune(strings.ReplaceAll(strings.Join(words, " "), "=?", "= ?"))
	if len(text) > maxSubject {
		text = append(text[:maxSubject-1], '…')
	}
	return string(text)
}

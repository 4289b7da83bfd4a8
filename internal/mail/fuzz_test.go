package mail

import (
	"bytes"
	"io"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// FuzzLetter: whatever names stand in a letter, it has the headers that we write, the one recipient, and no markup of theirs.
func FuzzLetter(f *testing.F) {
	f.Add("Your role in Acme", "Hello <b>you</b>", "https://guildhall.example.com/reset?token=x", "jane@example.com")
	f.Add("x\r\nBcc: eve@example.com\r\n\r\nbody", "\x00\xff<script>alert(1)</script>", "javascript:alert(1)", "jane@strasse.example")
	f.Add("=?utf-8?q?x?=", "\n.\nQUIT", "/path\r\nX: y", "a@b")
	f.Add(strings.Repeat("ä", 300), strings.Repeat("long ", 500), "", `"a b"@example.com`)
	allowed := []string{"Date", "Mime-Version", "Message-Id", "Subject", "From", "To", "Content-Type", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"}
	f.Fuzz(func(t *testing.T, subject, words, link, to string) {
		l := Letter{Subject: subject, Heading: words, Paragraphs: []string{words, subject}, Figures: []Figure{{subject, words}}, Action: &Action{words, link}, Notes: []string{words}, Unsubscribe: "/unsubscribe?token=ABC"}
		m, err := compose("letter", clock.Time(1_772_366_400_000_000), mail.Address{Name: "Guildhall", Address: "guildhall@example.com"}, to, l, "https://guildhall.example.com")
		if err != nil {
			return
		}
		got, err := mail.ReadMessage(bytes.NewReader(m.text))
		if err != nil {
			t.Fatalf("cannot be read: %v\n%s", err, m.text)
		}
		for name, values := range got.Header {
			if !slices.Contains(allowed, name) || len(values) != 1 {
				t.Errorf("the header %s: %q", name, values)
			}
		}
		list, err := got.Header.AddressList("To")
		if err != nil || len(list) != 1 || strings.ContainsAny(m.to, "\r\n") || strings.Count(m.to, "<") > 1+strings.Count(to, "<") {
			t.Errorf("to %q: %v, %v", m.to, list, err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, html, _ := strings.Cut(strings.ReplaceAll(string(body), "=\r\n", ""), "text/html"); strings.Contains(html, "<script>alert(1)") {
			t.Error("the letter carries a script")
		}
		for line := range bytes.Lines(m.text) {
			if len(line) > 998+2 {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	})
}

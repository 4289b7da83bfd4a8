package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Message is a message as the server took it.
type Message struct {
	Sender, To string // of the envelope
	UTF8       bool   // the sender asked for SMTPUTF8
	Encrypted  bool
	Header     mail.Header
	Subject    string // decoded
	Text, HTML string // decoded
	Raw        []byte
	t          testing.TB
}

func parse(raw []byte) (*Message, error) {
	m := &Message{Raw: raw}
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	m.Header = read.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil {
		return nil, err
	}
	kind, parameters, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if kind != "multipart/alternative" {
		return nil, fmt.Errorf("the message is %s", kind)
	}
	parts := multipart.NewReader(read.Body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		if err := m.take(part); err != nil {
			return nil, err
		}
	}
}

func (m *Message) take(part *multipart.Part) error {
	if encoding := part.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
		return fmt.Errorf("a part is encoded as %q", encoding)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		return err
	}
	words := strings.ReplaceAll(string(text), "\r\n", "\n")
	switch kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); {
	case err != nil:
		return err
	case kind == "text/plain":
		m.Text = words
	case kind == "text/html":
		m.HTML = words
	default:
		return fmt.Errorf("a part is %s", kind)
	}
	return nil
}

// Says fails the test unless both parts and the subject, taken together each, hold
// every one of the words. Line breaks of the text do not count.
func (m *Message) Says(words ...string) *Message {
	m.t.Helper()
	text := strings.Join(strings.Fields(m.Subject+" "+m.Text), " ")
	html := m.Subject + " " + unescape.Replace(m.HTML)
	for _, w := range words {
		if !strings.Contains(text, w) {
			m.t.Errorf("the letter to %s does not say %q:\n%s\n%s", m.To, w, m.Subject, m.Text)
		}
		if !strings.Contains(html, w) {
			m.t.Errorf("the HTML of the letter to %s does not say %q:\n%s", m.To, w, m.HTML)
		}
	}
	return m
}

var unescape = strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&lt;", "<", "&gt;", ">", "&#43;", "+", "&amp;", "&")

var link = regexp.MustCompile(`(?m)^https?://\S+$`)

// Link is the address that the letter asks to open: the only line of the text that is
// an address, which the HTML has as well. Empty where there is none, or no such one.
func (m *Message) Link() string {
	found := link.FindAllString(m.Text, -1)
	if len(found) != 1 || !strings.Contains(unescape.Replace(m.HTML), `href="`+found[0]+`"`) {
		return ""
	}
	return found[0]
}

// Certificate is a server's TLS for some names, and the pool that believes it.
func Certificate(t testing.TB, names ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

package audit

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Person is somebody who is to be taken out of the record, and what stands there instead.
type Person struct {
	User id.User
	// Addresses and Names are what the record may call the person. Addresses and whole
	// names go wherever they stand; a first name alone only where it says who did
	// something or to whom.
	Addresses, Names []string
	Pseudonym        Reference
}

// redactor finds a person in events.
type redactor struct {
	Person
	anywhere, alone *regexp.Regexp // alone: also the single names
	marks           [][]byte       // one of these is in every payload that has to change
}

const minWord = 2 // shorter ones are in everything

func newRedactor(p Person) *redactor {
	r := &redactor{Person: p}
	wide, all := []string{string(p.User)}, []string{string(p.User)}
	for _, word := range p.Addresses {
		wide, all = append(wide, word), append(all, word)
	}
	for _, name := range p.Names {
		if all = append(all, name); strings.Contains(strings.TrimSpace(name), " ") || strings.Contains(name, "/") {
			wide = append(wide, name)
		}
	}
	r.anywhere, r.alone = anyOf(wide), anyOf(all)
	for _, word := range all {
		if text, err := json.Marshal(strings.ToLower(word)); err == nil && utf8.RuneCountInString(word) >= minWord {
			r.marks = append(r.marks, text[1:len(text)-1])
		}
	}
	return r
}

// anyOf matches one of some words in any case, the longest first.
func anyOf(words []string) *regexp.Regexp {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return utf8.RuneCountInString(w) < minWord })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile("(?i)(?:" + strings.Join(words, "|") + ")")
}

// redact gives an event without the person; false where it does not mention them.
func (r *redactor) redact(e Payload) (Payload, bool) {
	own, about := e.Actor.User == r.User, e.Target.ID == string(r.User)
	words := r.anywhere
	if own || about {
		words = r.alone
	}
	changed := own || about
	text := func(s *string) {
		if next := r.replace(words, *s); next != *s {
			*s, changed = next, true
		}
	}
	if own {
		e.Actor.User = id.User(r.Pseudonym.ID)
		e.Client = authn.Client{Origin: e.Client.Origin}
		if e.Actor.Kind == authn.Person {
			e.Actor.Name = r.Pseudonym.Name
		}
	}
	if about {
		e.Target = r.Pseudonym
		if e.Stream == store.Server { // all that is kept of an account is about its person
			e.Before, e.After = nil, nil
		}
	}
	for _, s := range []*string{
		&e.Actor.ID, &e.Actor.Name, &e.Target.ID, &e.Target.Name, &e.Project.Name, &e.Environment.Name, &e.Client.UserAgent,
	} {
		text(s)
	}
	for _, document := range []*json.RawMessage{&e.Before, &e.After} {
		next, differs := r.document(words, *document)
		*document, changed = next, changed || differs
	}
	e.Also = slices.Clone(e.Also)
	for i := range e.Also {
		changed = r.effected(words, &e.Also[i]) || changed
	}
	e.Redacted = e.Redacted || changed
	return e, changed
}

// effected takes the person out of what an event did beside.
func (r *redactor) effected(words *regexp.Regexp, e *Effected) bool {
	changed := e.Target.ID == string(r.User)
	if changed {
		e.Target, words = r.Pseudonym, r.alone
	}
	if name := r.replace(words, e.Target.Name); name != e.Target.Name {
		e.Target.Name, changed = name, true
	}
	for _, document := range []*json.RawMessage{&e.Before, &e.After} {
		next, differs := r.document(words, *document)
		*document, changed = next, changed || differs
	}
	return changed
}

// document replaces the person in every text of a document; its keys are ours.
func (r *redactor) document(words *regexp.Regexp, text json.RawMessage) (json.RawMessage, bool) {
	if text == nil {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text, false // it was ours when it was written; nothing else is stored
	}
	changed := false
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			next := r.replace(words, v)
			changed = changed || next != v
			return next
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			for key := range v {
				v[key] = walk(v[key])
			}
		}
		return v
	}
	v = walk(v)
	if !changed {
		return text, false
	}
	next, err := json.Marshal(v)
	if err != nil {
		return text, false
	}
	return next, true
}

// replace puts the pseudonym in place of the person's words: not inside longer words,
// nor inside the longer addresses of others.
func (r *redactor) replace(words *regexp.Regexp, s string) string {
	var b strings.Builder
	end := 0
	for _, at := range words.FindAllStringIndex(s, -1) {
		if !apart(s[:at[0]], s[at[1]:]) {
			continue
		}
		b.WriteString(s[end:at[0]])
		if strings.EqualFold(s[at[0]:at[1]], string(r.User)) {
			b.WriteString(r.Pseudonym.ID)
		} else {
			b.WriteString(r.Pseudonym.Name)
		}
		end = at[1]
	}
	return b.String() + s[end:]
}

// apart tells whether what stands between two texts is a word of its own.
func apart(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	first, size := utf8.DecodeRuneInString(after)
	if first == '.' { // the end of a sentence, or of a part of a longer address
		first, _ = utf8.DecodeRuneInString(after[size:])
	}
	return !inWord(last) && !strings.ContainsRune(".+_%-", last) && !inWord(first) && !strings.ContainsRune("_-@", first)
}

func inWord(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }

// mentions is a quick look at a payload before it is decoded.
func (r *redactor) mentions(payload []byte) bool {
	lower := bytes.ToLower(payload)
	return slices.ContainsFunc(r.marks, func(mark []byte) bool { return bytes.Contains(lower, mark) })
}

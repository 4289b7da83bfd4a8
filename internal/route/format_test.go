package route

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func nested(n int, open, middle, shut string) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
}

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		says string // a part of the refusal; empty where it is taken
	}{
		"object": {`{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}`, ""}, "text": {`"a"`, ""}, "number": {`-1.5e3`, ""}, "null": {`null`, ""}, "list": {`[1,[2],"a",true,{}]`, ""},
		"space around": {" \n{}\t ", ""}, "keys of a case in two places": {`{"a":{"B":1},"b":1}`, ""}, "value like a key": {`{"a":"A","b":"a"}`, ""}, "values alike": {`["a","A","a"]`, ""},
		"32 deep": {nested(32, "[", "", "]"), ""}, "32 objects deep": {nested(31, `{"a":`, "{}", "}"), ""}, "empty key": {`{"":1}`, ""}, "huge number": {`{"a":1e99999}`, ""},

		"33 deep": {nested(33, "[", "", "]"), "deeper than 32"}, "33 objects deep": {nested(32, `{"a":`, "{}", "}"), "deeper than 32"}, "deep and open": {strings.Repeat("[", 100000), "deeper than 32"},
		"empty": {"", "ends too early"}, "blank": {"  ", "ends too early"}, "open": {`{"a":`, "ends too early"}, "open list": {`[1,`, "ends too early"}, "open text": {`"abc`, "ends too early"},
		"two values": {`{} {}`, "behind its end"}, "a word behind": {`{} x`, "behind its end"}, "a bracket behind": {`{}}`, "behind its end"}, "comma behind": {`[],`, "behind its end"},
		"same key": {`{"a":1,"a":2}`, `"a" twice`}, "key in two cases": {`{"name":1,"NAME":2}`, `"NAME" twice`}, "below": {`{"x":[{"Ä":1,"ä":2}]}`, `"ä" twice`}, "after a list": {`{"a":[1,2],"A":2}`, `"A" twice`},
		"after an object": {`{"a":{"b":1},"A":2}`, `"A" twice`}, "escaped key": {`{"a":1,"\u0061":2}`, `"a" twice`}, "long s": {`{"s":1,"ſ":2}`, "twice"}, "Kelvin": {`{"k":1,"\u212a":2}`, "twice"},
		"NUL": {`{"a":"\u0000"}`, "NUL"}, "NUL in a key": {`{"\u0000":1}`, "NUL"}, "NUL in a list": {`["a\u0000"]`, "NUL"}, "NUL as it is": {"{\"a\":\"\x00\"}", "near byte"},
		"invalid UTF-8": {"{\"a\":\"\xff\"}", "UTF-8"}, "half a character": {"{\"a\":\"\xc3\"}", "UTF-8"}, "surrogate": {"\"\xed\xa0\x80\"", "UTF-8"},
		"half a pair": {`{"a":"\ud800"}`, `the field "a" holds half`}, "the other half": {`["\uDC00"]`, "half of a surrogate"}, "halves turned around": {`"\udc00\ud800"`, "half of a surrogate"},
		"half and a letter": {`"\ud83dx"`, "half of a surrogate"}, "half at the end": {`"\ufffd \ud83d"`, "half of a surrogate"}, "two halves, one kind": {`"\ud83d\ud83d\ude00"`, "half of a surrogate"},
		"half in a key": {`{"\ud800":1}`, "half of a surrogate"}, "half below": {`{"a":1,"b":[{"c":"\ud800"}]}`, `the field "b" holds half`}, "half behind a backslash": {`"\\\ud800"`, "half of a surrogate"},
		"a pair": {`"\ud83d\ude00"`, ""}, "replacement characters": {`["\ufffd","\uFFFD \ud83d\ude00","` + "\ufffd" + `"]`, ""}, "escaped backslash": {`"\\ud800` + "\ufffd" + `"`, ""},
		"NUL in a field": {`{"b":1,"a":"\u0000"}`, `the field "a" holds a NUL`}, "key with NUL behind a field": {`{"a":1,"\u0000":2}`, "holds a NUL"},
		"word": {"hello", "near byte 1"}, "single quotes": {`{'a':1}`, "near byte"}, "number as key": {`{1:2}`, "near byte"}, "comma at the end": {`{"a":1,}`, "near byte"}, "byte order mark": {"\ufeff{}", "near byte"},
	} {
		err := inspect([]byte(c.text))
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	type body struct {
		Name  string           `json:"name"`
		Count int              `json:"count"`
		Note  Optional[string] `json:"note"`
	}
	for text, want := range map[string]string{
		`{"name":7}`: `the field "name" cannot be a number`, `{"count":"x"}`: `the field "count" cannot be a string`, `{"count":1.5}`: `the field "count" cannot be a number 1.5`,
		`[]`: `the field "" cannot be a array`, `{"name":`: "near byte 8", `{`: "near byte 1", `x`: "near byte 1",
	} {
		var b body
		if err := unmarshal([]byte(text), &b); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "route.") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	old := "old"
	for text, want := range map[string]string{`{}`: "old", `{"note":"new"}`: "new", `{"note":null}`: "none", `{"note":""}`: ""} {
		var b body
		if err := unmarshal([]byte(text), &b); err != nil {
			t.Fatal(err)
		}
		note := &old
		b.Note.Apply(&note)
		got := "none"
		if note != nil {
			got = *note
		}
		if got != want {
			t.Errorf("%s makes %q, want %q", text, got, want)
		}
	}
}

func TestBlamed(t *testing.T) {
	for message, want := range map[string][2]string{
		in("name", "is wrong").Error(): {"name", "is wrong"}, in(`a "b" \ c`, "is wrong").Error(): {`a "b" \ c`, "is wrong"}, in("", "is wrong").Error(): {"body", "is wrong"},
		`the field "" cannot be a array`: {"body", `the field "" cannot be a array`}, "the field name": {"body", "the field name"}, "is not valid JSON": {"body", "is not valid JSON"},
	} {
		if field, what := blamed(message); field != want[0] || what != want[1] {
			t.Errorf("%q blames %q: %q", message, field, what)
		}
	}
}

func TestMarshal(t *testing.T) {
	type answer struct {
		Name string `json:"name"`
	}
	document, err := Encode(answer{"<a> & b"})
	if err != nil {
		t.Fatal(err)
	}
	var direct, encoded bytes.Buffer
	if err := marshal(&direct, answer{"<a> & b"}); err != nil {
		t.Fatal(err)
	}
	if err := marshal(&encoded, document); err != nil {
		t.Fatal(err)
	}
	if direct.String() != encoded.String() || strings.TrimSpace(direct.String()) != `{"name":"<a> & b"}` {
		t.Errorf("written %q, encoded before %q", direct.String(), encoded.String())
	}
}

func FuzzInspect(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[{"c":"d"},null,true,-1.5e3]}`, `{"a":1,"A":2}`, `{"s":1,"ſ":2}`, `"\u0000"`, "\xff", nested(40, "[", "", "]"), nested(40, `{"a":`, "1", "}"), `{} {}`, `{"a":`, `[1,]`, ``, "\ufeff{}", `{"a":"\ud800"}`, `1e999`, `]`, `{"a"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := inspect(text)
		var v any
		if unmarshalled := unmarshal(text, &v); err != nil && unmarshalled == nil {
			t.Fatalf("%q is refused (%v) and read all the same", text, err)
		} else if unmarshalled != nil && (strings.Contains(unmarshalled.Error(), "interface {}") || strings.Contains(unmarshalled.Error(), "json:")) {
			t.Errorf("%q: the refusal speaks of the inside: %v", text, unmarshalled)
		}
		if err != nil {
			return
		}
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Errorf("%q is taken and no JSON", text)
		}
		if v != nil {
			look(t, text, v, 1)
		}
	})
}

// look walks through what was read for what inspect must have refused.
func look(t *testing.T, text []byte, v any, depth int) {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			t.Errorf("%q: NUL is taken", text)
		}
	case []any:
		if depth > maxDepth {
			t.Errorf("%q nests too deep", text)
		}
		for _, item := range v {
			look(t, text, item, depth+1)
		}
	case map[string]any:
		if depth > maxDepth {
			t.Errorf("%q nests too deep", text)
		}
		var keys []string
		for key, item := range v {
			for _, other := range keys {
				if strings.EqualFold(key, other) {
					t.Errorf("%q: the keys %q and %q are one", text, key, other)
				}
			}
			keys = append(keys, key)
			look(t, text, key, depth)
			look(t, text, item, depth+1)
		}
	}
}

package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// FuzzPayload: an event's text is canonical. Read and written again it is the same bytes, on which its digest hangs.
func FuzzPayload(f *testing.F) {
	f.Add("project.create", "Acme <&> \u2028 ü", []byte(`{"name":"a"}`), []byte(`{"name":"b","x":null}`))
	f.Add("", "\xff\x00", []byte(`{"a":1.0,"b":[1,2]}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, action, name string, before, after []byte) {
		action, name = strings.ToValidUTF8(action, ""), strings.ToValidUTF8(name, "") // nothing else comes in
		p := Payload{Version: 1, Action: Action(action), Target: Reference{ID: name, Name: name}}
		for _, d := range []struct {
			text []byte
			to   *json.RawMessage
		}{{before, &p.Before}, {after, &p.After}} {
			var v any
			if json.Unmarshal(d.text, &v) != nil {
				continue
			}
			document, err := document(v)
			if err != nil {
				t.Fatal(err)
			}
			*d.to = document
		}
		p.Changed = changed(p.Before, p.After)
		if !slices.IsSorted(p.Changed) {
			t.Errorf("the changed fields are not in order: %q", p.Changed)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again Payload
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
			t.Errorf("not canonical (%v):\n%s\n%s", err, text, second)
		}
	})
}

package plan

import (
	"bytes"
	"testing"
)

// FuzzPlans: a file is refused, or every plan in it is whole.
func FuzzPlans(f *testing.F) {
	f.Add(builtIn)
	f.Add([]byte(`{"plans":[]}`))
	f.Add(bytes.ReplaceAll(builtIn, []byte(`"members": 3`), []byte(`"members": -3`)))
	f.Add(append(bytes.Clone(builtIn), "{}"...))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse(text)
		if err != nil {
			return
		}
		for _, name := range Names {
			if p, ok := c.Get(name); !ok || p.Members < 0 || p.Clusters < 0 || p.Retention() <= 0 {
				t.Errorf("%s is %+v", name, p)
			}
		}
	})
}

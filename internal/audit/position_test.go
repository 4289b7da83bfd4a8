package audit

import (
	"math"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// FuzzPosition: a page token is a place in the chain, or a refusal that names the field.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"", token(1), token(1297), token(math.MaxInt64), "ZTE", "ZQ", "ZS0x", "ZTA", "ZSsx", "e1", "====", "ZTE=", "\x00", "\xff", "ZTF6cDI2dHlucXRwNmZ0emZ6enp6enp6eno"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const missing = 77
		seq, err := position("continueToken", s, missing)
		switch {
		case s == "":
			if seq != missing || err != nil {
				t.Errorf("no token is %d, %v", seq, err)
			}
		case err != nil:
			if f := fault.From(err); f.Code != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Field != "continueToken" {
				t.Errorf("%q: %v", s, err)
			}
		default:
			if again, err := position("continueToken", token(seq), missing); seq <= 0 || err != nil || again != seq {
				t.Errorf("%q is the position %d, and its token %q the position %d, %v", s, seq, token(seq), again, err)
			}
		}
	})
}

package device

import (
	"strings"
	"testing"
)

// FuzzUserCode: what was typed is a code or none, and a code is the same however it is written.
func FuzzUserCode(f *testing.F) {
	for _, seed := range []string{"", "BCDF-GHJK", "bcdfghjk", " B C D F - G H J K ", "BCDF-GHJ", "AEIO-UAEI", "ſſſſſſſſ", "BCDFGHJK\x00", strings.Repeat("-", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, ok := typedCode(text)
		if !ok {
			return
		}
		if len(code) != codeLength || strings.Trim(code, letters) != "" {
			t.Fatalf("%q is the code %q", text, code)
		}
		for _, again := range []string{code, shownCode(code), strings.ToLower(code), " " + shownCode(code) + " "} {
			if same, ok := typedCode(again); !ok || same != code {
				t.Errorf("%q is %q, and %q is %q", text, code, again, same)
			}
		}
	})
}

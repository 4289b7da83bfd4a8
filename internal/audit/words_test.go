package audit

import "testing"

// TestWords: an action that people read of has words.
func TestWords(t *testing.T) {
	for action := range wires {
		if _, ok := words[action]; !ok {
			t.Errorf("%s has no words", action)
		}
	}
	if len(words) != len(wires) {
		t.Errorf("%d actions have words, %d are known", len(words), len(wires))
	}
}

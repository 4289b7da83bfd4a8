package activity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"", "0", "1767225600", "1767225600.5", "1767225600.123456789", "1767225600000000000", "-1", "+1", "1e9", "NaN", "Inf", "0x10", "1_0", " 1", ".5", "5.", "1.2.3", "9223372036854775807", "99999999999", "100000000000", "99999999999999999", "\x00", "1.-5", "1.5e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checks := &fault.Checks{}
		at := moment(checks, "fromTimestamp", text)
		if err := checks.Err(); err != nil {
			if at != 0 || fault.From(err).Fields[0].Field != "fromTimestamp" || text == "" {
				t.Errorf("%q: %d and %v", text, at, err)
			}
			return
		}
		if at < 0 || at >= clock.Time(1e17) || strings.Trim(text, "0123456789.") != "" {
			t.Fatalf("%q is the moment %d", text, at)
		}
		// The same moment in each of its forms.
		forms := []string{fmt.Sprintf("%d.%06d", at/1e6, at%1e6)}
		if at >= 1e14 && at < 9e15 {
			forms = append(forms, fmt.Sprintf("%d000", at))
		}
		for _, form := range forms {
			if again := moment(checks, "fromTimestamp", form); again != at || checks.Err() != nil {
				t.Errorf("%q is %d, and %q is %d (%v)", text, at, form, again, checks.Err())
			}
		}
	})
}

package audit_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

var seed = flag.Uint64("seed", 0, "seed of the random tamperings; 0 for another each time")

// tamperer alters a chain at random, and knows which event must be found.
type tamperer struct {
	intruder
	random *rand.Rand
	stream string
}

func (x tamperer) between(low, high int64) int64 { return low + x.random.Int64N(high-low+1) }

var texts = []string{
	"id", "action", "event_type", "target_type", "target_id", "target_name", "sub_target_type", "triggered_by", "actor_id", "origin",
	"project_id", "project_name", "environment_id", "environment_name",
}

// inPlace alters an event where it stands.
func (x tamperer) inPlace(seq int64) string {
	switch x.random.IntN(3) {
	case 0:
		column := []string{"payload", "digest", "hash"}[x.random.IntN(3)]
		var bytes []byte
		if err := x.QueryRow("SELECT "+column+" FROM event WHERE organization_id = $1 AND seq = $2", x.stream, seq).Scan(&bytes); err != nil {
			x.t.Fatal(err)
		}
		place := x.random.IntN(len(bytes))
		bytes[place] ^= 1 << x.random.IntN(8)
		x.do("UPDATE event SET "+column+" = $3 WHERE organization_id = $1 AND seq = $2", x.stream, seq, bytes)
		return fmt.Sprintf("a bit of %s of event %d", column, seq)
	case 1:
		x.do("UPDATE event SET at = at + $3 WHERE organization_id = $1 AND seq = $2", x.stream, seq, x.between(1, 1e9))
		return fmt.Sprintf("the time of event %d", seq)
	}
	column := texts[x.random.IntN(len(texts))]
	x.do("UPDATE event SET "+column+" = "+column+" || 'x' WHERE organization_id = $1 AND seq = $2", x.stream, seq)
	return fmt.Sprintf("%s of event %d", column, seq)
}

// structure removes, moves or adds events, or recomputes the chain.
func (x tamperer) structure() (what string, bad int64) {
	from, to := x.between(1, last), x.between(1, last)
	low, high := min(from, to), max(from, to)
	switch x.random.IntN(5) {
	case 0:
		x.remove(x.stream, low, high)
		return fmt.Sprintf("removed %d to %d", low, high), low
	case 1:
		x.remove(x.stream, low, low)
		if low == last {
			return fmt.Sprintf("removed %d", low), low
		}
		x.renumber(x.stream, low+1, -1)
		return fmt.Sprintf("removed %d, renumbered", low), low
	case 2:
		if low == high {
			return x.inPlace(low), low
		}
		x.swap(x.stream, low, high)
		return fmt.Sprintf("swapped %d and %d", low, high), low
	case 3:
		// A copy of "from" at "to": where both are the same, the copy stands in the
		// right place and the original is the one that is too many.
		x.copyOf(x.stream, from, 1000)
		x.renumber(x.stream, to, 1)
		x.do("UPDATE event SET seq = $2 WHERE organization_id = $1 AND seq = 1001", x.stream, to)
		if from == to {
			return fmt.Sprintf("doubled %d", from), from + 1
		}
		return fmt.Sprintf("inserted a copy of %d at %d", from, to), to
	default:
		x.rewrite(x.stream, low)
		x.rechain(x.stream, low, x.random.IntN(2) == 0)
		return fmt.Sprintf("rewrote %d and recomputed the chain", low), last
	}
}

// TestRandomTampering tampers at random, once or several times at once.
func TestRandomTampering(t *testing.T) {
	for engine, rounds := range map[string]int{"sqlite": 200, "postgres": 20} {
		t.Run(engine, func(t *testing.T) {
			if *seed == 0 {
				*seed = rand.Uint64()
			}
			t.Logf("-seed %d", *seed)
			s := apptest.Start(t, apptest.Storage(t, engine), apptest.Options{})
			i, stream, _ := chains(t, s)
			x := tamperer{i, rand.New(rand.NewPCG(*seed, 0)), stream}
			for range rounds {
				var what string
				bad := x.between(1, last)
				if x.random.IntN(2) == 0 {
					what = x.inPlace(bad)
				} else {
					what, bad = x.structure()
				}
				// More of it further ahead: the first is the one to be named.
				for bad > 1 && x.random.IntN(3) == 0 {
					bad = x.between(1, bad-1)
					what += ", " + x.inPlace(bad)
				}
				_, found := x.verify()
				if found == nil || found.Seq != bad || found.Stream != stream {
					t.Errorf("%s: found %v, want event %d", what, found, bad)
				}
				x.restore()
			}
		})
	}
}

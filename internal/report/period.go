package report

import "time"

// Kind is how long the time is that a report tells of.
type Kind string

// The kinds.
const (
	Weekly  Kind = "weekly"
	Monthly Kind = "monthly"
)

// Kinds are all of them.
var Kinds = []Kind{Weekly, Monthly}

const (
	// sendHour is the hour of the day, UTC, at which the reports of a period that ended
	// at midnight go out.
	sendHour = 6
	// lateness is for how long after that the reports are still sent, where the server
	// was down or had no mail. Older ones never are: nobody gets a pile.
	lateness = 5 * 24 * time.Hour
)

// Period is a week from Monday to Monday or a calendar month, in UTC; End is not in it.
type Period struct {
	Kind  Kind      `json:"kind"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// last is the newest period that is over at a moment.
func last(kind Kind, now time.Time) Period {
	year, month, day := now.UTC().Date()
	if kind == Weekly {
		sinceMonday := (int(now.UTC().Weekday()) + 6) % 7
		return Period{kind, time.Date(year, month, day-sinceMonday-7, 0, 0, 0, 0, time.UTC), time.Date(year, month, day-sinceMonday, 0, 0, 0, 0, time.UTC)}
	}
	return Period{kind, time.Date(year, month-1, 1, 0, 0, 0, 0, time.UTC), time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)}
}

// before is the period before.
func (p Period) before() Period {
	return last(p.Kind, p.Start)
}

// due is when the period's reports go out, too late when they do not any more.
func (p Period) due() time.Time     { return p.End.Add(sendHour * time.Hour) }
func (p Period) tooLate() time.Time { return p.due().Add(lateness) }

// words name the period for people.
func (p Period) words() string {
	if p.Kind == Monthly {
		return p.Start.Format("January 2006")
	}
	last := p.End.AddDate(0, 0, -1)
	first := "2"
	switch {
	case p.Start.Year() != last.Year():
		first = "2 January 2006"
	case p.Start.Month() != last.Month():
		first = "2 January"
	}
	return p.Start.Format(first) + " to " + last.Format("2 January 2006")
}

// one names a period of the kind: a week, a month.
func (k Kind) one() string {
	if k == Monthly {
		return "month"
	}
	return "week"
}

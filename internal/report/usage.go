package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/mail"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Count is a number at the end of a period and how it changed in it.
type Count struct {
	Now    int64 `json:"now"`
	Change int64 `json:"change"`
}

// Usage is the report of an organization.
type Usage struct {
	Period
	Organization id.Organization `json:"organization_id"`
	Name         string          `json:"name"`
	Plan         string          `json:"plan"`
	// Seats are those of the plan, 0 for no limit; members and invitations that wait take them.
	Seats   int   `json:"seats"`
	Waiting int64 `json:"invitations"`
	People  Count `json:"people"`
	Tokens  Count `json:"api_tokens"`
	// Projects are those that are not deleted.
	Projects Count `json:"projects"`
	// Events are those of the period; Change compares with the period before.
	Events Count `json:"events"`
	// Head is that of the organization's record when the report was made; nil where
	// reports hold none.
	Head *Head `json:"head,omitempty"`
}

// Head is the head of a record, for keeping it with the letter.
type Head struct {
	audit.Head
	Signed string `json:"signed"`
}

// steps are the actions by which a number goes up and down. What a number was at the
// end of a period is what it is now, less the steps since: a report that is late says
// the same as one in time.
var steps = map[audit.Action]struct{ people, tokens, projects int64 }{
	audit.OrganizationCreate: {people: 1}, // its owner
	audit.MemberAdd:          {people: 1},
	audit.InvitationAccept:   {people: 1},
	audit.MemberRestore:      {people: 1},
	audit.MemberRemove:       {people: -1},
	audit.MemberLeave:        {people: -1},
	audit.APITokenCreate:     {tokens: 1},
	audit.APITokenRestore:    {tokens: 1},
	audit.APITokenDelete:     {tokens: -1},
	audit.ProjectCreate:      {projects: 1},
	audit.ProjectRestore:     {projects: 1},
	audit.ProjectDelete:      {projects: -1},
}

// usageOf counts what an organization used in a period; false where it was not there yet.
func (s *Service) usageOf(q store.Querier, organization id.Organization, p Period) (Usage, bool, error) {
	u := Usage{Period: p, Organization: organization}
	created, err := u.present(q)
	if err != nil || !created.Before(p.End) {
		return u, false, err
	}
	if u.Name, _, u.Plan, u.Seats, err = s.organizations.Invite(q, organization); err != nil {
		return u, false, err
	}
	tallies, err := actionsSince(q, organization, p)
	for _, t := range tallies {
		step := steps[t.action]
		for count, by := range map[*Count]int64{&u.People: step.people, &u.Tokens: step.tokens, &u.Projects: step.projects} {
			count.Now -= by * t.since
			count.Change += by * t.during
		}
		u.Events.Now += t.during
		u.Events.Change += t.during - t.before
	}
	if err == nil && s.heads != nil {
		err = s.note(q, &u)
	}
	return u, true, err
}

func (s *Service) note(q store.Querier, u *Usage) error {
	head, err := audit.HeadOf(q, string(u.Organization), s.db.Now())
	if err != nil {
		return err
	}
	u.Head = &Head{Head: head}
	u.Head.Signed, err = s.heads.Sign(head)
	return err
}

func (c Count) words() string {
	if c.Change == 0 {
		return fmt.Sprintf("%d (unchanged)", c.Now)
	}
	return fmt.Sprintf("%d (%s)", c.Now, signed(c.Change))
}

func signed(n int64) string {
	return strings.Replace(fmt.Sprintf("%+d", n), "-", "−", 1)
}

// Title is what the report is of.
func (u Usage) Title() string { return "Usage of " + u.Name + ", " + u.words() }

// Figures are the lines of the report.
func (u Usage) Figures() []mail.Figure {
	seats := fmt.Sprintf("no limit (plan %s)", u.Plan)
	if u.Seats > 0 {
		seats = fmt.Sprintf("%d with the plan %s", u.Seats, u.Plan)
	}
	if u.Waiting > 0 {
		seats += fmt.Sprintf("; %d invitations wait", u.Waiting)
	}
	events := fmt.Sprintf("%d (as many as in the %s before)", u.Events.Now, u.Kind.one())
	if u.Events.Change != 0 {
		events = fmt.Sprintf("%d (%s against the %s before)", u.Events.Now, signed(u.Events.Change), u.Kind.one())
	}
	return []mail.Figure{
		{Name: "People", Value: u.People.words()}, {Name: "Seats", Value: seats}, {Name: "API tokens", Value: u.Tokens.words()},
		{Name: "Projects", Value: u.Projects.words()}, {Name: "Events", Value: events},
	}
}

// letter is the report for one address.
func (u Usage) letter(unsubscribe string) mail.Letter {
	l := mail.Letter{
		Subject: u.Title(), Heading: u.Title(),
		Paragraphs: []string{fmt.Sprintf("This is how it stood at the end of %s (UTC), and in brackets how it changed in the %s.", u.End.Add(-time.Second).Format("2 January 2006"), u.Kind.one())},
		Figures:    u.Figures(),
		Notes: []string{"You get this letter because your address is an admin e-mail of the organization " + u.Name +
			", or its owner's where it names none."},
		Unsubscribe: unsubscribe,
	}
	if u.Head != nil {
		l.Notes = append(l.Notes, fmt.Sprintf("The record of what happened in %s stood at event %d when this letter was written, with the signed head below. "+
			"Keep the letter: guildhall audit verify --against finds with it whether anything of the record was cut, replaced or rolled back since.", u.Name, u.Head.Seq),
			u.Head.Signed, u.Head.Short())
	}
	return l
}

package organization

import (
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// soon is how long before its end a token is told of.
const soon = 14 * 24 * time.Hour

// overviewPage is what needs somebody, then what happened, then what there is.
type overviewPage struct {
	Organization Organization
	PlanName     string
	Needs        []need
	Events       []happened
	Inventory    []amount
	Since        console.Moment
	Activity     string // the page with all of it; empty where there is none
}

type need struct {
	Words, Path, Link string
	When              console.Moment
}

type happened struct {
	Who, Words, What string
	When             console.Moment
}

type amount struct {
	Number int64
	Word   string
	Limit  int64 // 0 for none
	Path   string
}

func (h *pages) overview(r *console.Request) error {
	o, _, err := h.service.Get(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	page := overviewPage{Organization: o, PlanName: h.service.planOf(o).Display, Since: r.Moment(o.CreatedAt)}
	waiting, err := r.Waiting()
	if err != nil {
		return err
	}
	for _, w := range waiting {
		page.Needs = append(page.Needs, need{w.Inviter + " invites you to " + w.Organization, w.Path, "Answer", r.Moment(w.Until)})
	}
	projects, environments, services, err := h.projects.Inventory(r.Context(), r.Pass)
	if err != nil {
		return err
	}
	page.Inventory = []amount{{projects, "project", 0, r.At("projects")}, {environments, "environment", 0, ""}, {services, "service", 0, ""}}
	err = h.service.db.Snapshot(r.Context(), func(q store.Querier) error {
		if err := page.tokens(q, r); err != nil {
			return err
		}
		if err := page.people(q, r, h.service.planOf(o).Members); err != nil {
			return err
		}
		return page.events(q, r, h.service.planOf(o).Retention())
	})
	if err != nil {
		return err
	}
	return r.Show(overviewTemplate, http.StatusOK, "Overview", page)
}

type endingToken struct {
	name string
	at   clock.Time
}

// tokens tells of tokens that have ended or soon will, to those who see tokens.
func (page *overviewPage) tokens(q store.Querier, r *console.Request) error {
	if !r.Can(authz.TokenRead) {
		return nil
	}
	ending, err := listEnding(q, r.Organization(), r.Now().Add(soon))
	for _, t := range ending {
		words := "The API token " + t.name + " stops working soon"
		if t.at <= r.Now() {
			words = "The API token " + t.name + " has stopped working"
		}
		n := need{Words: words, When: r.Moment(t.at)}
		page.Needs = append(page.Needs, n)
	}
	return err
}

func (page *overviewPage) people(q store.Querier, r *console.Request, seats int) error {
	if !r.Can(authz.MemberRead) {
		return nil
	}
	n, err := countMembers(q, r.Organization())
	page.Inventory = append(page.Inventory, amount{n, "member", int64(seats), ""})
	return err
}

// eventsShown is how many of the latest events the overview tells.
const eventsShown = 12

// events are the latest that the person may see, as far back as the plan goes.
func (page *overviewPage) events(q store.Querier, r *console.Request, retention time.Duration) error {
	f := audit.Filter{Stream: string(r.Organization()), From: r.Now().Add(-retention)}
	if !r.Can(authz.EventRead) {
		see := r.Pass.Projects()
		f.InProjects, f.Roles = true, [2]string{string(see[0]), string(see[1])}
	}
	found, err := audit.List(q, f, eventsShown, "", "")
	for _, e := range found.Events {
		page.Events = append(page.Events, happened{e.Actor.Name, e.Action.Words(), e.Target.Name, r.Moment(e.At)})
	}
	return err
}

// listEnding reads the tokens that end before a moment, the next first.
func listEnding(q store.Querier, organization id.Organization, before clock.Time) ([]endingToken, error) {
	return store.All(q, `SELECT name, expires_at FROM api_token WHERE organization_id = $1 AND expires_at > 0 AND expires_at < $2 ORDER BY expires_at, id LIMIT 5`,
		func(s store.Scan) (t endingToken, err error) { return t, s(&t.name, &t.at) }, organization, before)
}

func countMembers(q store.Querier, organization id.Organization) (int64, error) {
	return store.Value[int64](q, `SELECT COUNT(*) FROM member WHERE organization_id = $1`, organization)
}

// listStewards reads who can give others rights, by the address they sign in with.
func listStewards(q store.Querier, organization id.Organization) ([]string, error) {
	return store.All(q, `SELECT a.email FROM member m JOIN account a ON a.id = m.user_id
		WHERE m.organization_id = $1 AND m.role IN ('OWNER', 'ADMIN') AND a.disabled_at = 0 ORDER BY CASE WHEN m.role = 'OWNER' THEN 0 ELSE 1 END, a.email LIMIT 20`,
		func(s store.Scan) (address string, err error) { return address, s(&address) }, organization)
}

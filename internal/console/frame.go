package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// Place is an organization of the person's, for the switcher.
type Place struct {
	ID   id.Organization
	Name string
	Role string
}

// Waiting is an invitation that waits for the person's answer.
type Waiting struct {
	Organization  string
	Inviter, Role string
	Until         clock.Time
	// Path is the page on which it is answered.
	Path string
}

// Crumb is a step of the breadcrumb.
type Crumb struct{ Words, Path string }

// frame is what stands around a page.
type frame struct {
	Organization *Place // nil on pages that are about none
	Places       []choice
	Invitations  []Waiting
	Groups       []group
	Settings     string // where the wheel leads; empty where nothing is there for the person
	Back         *Crumb // from a second rail to the first
	Crumbs       []Crumb
	Person       string
	MayCreate    bool
}

type choice struct {
	Place
	Path    string
	Current bool
}

type group struct {
	Name    string
	Entries []entry
}

type entry struct {
	Name, Path string
	Current    bool
	// Mark stands beside the name: something waits there.
	Mark int
}

// mine is what the frame knows of the person; it is read once a request.
type mine struct {
	places  []Place
	waiting []Waiting
}

func (r *Request) mine() (*mine, error) {
	if r.known != nil {
		return r.known, nil
	}
	near, known := r.pages.near, &mine{}
	pass, err := r.admit(authz.OrganizationList, nil)
	if err != nil {
		return nil, err
	}
	if known.places, err = near.Organizations(r.Context(), pass); err != nil {
		return nil, err
	}
	if pass, err = r.admit(authz.InvitationAnswer, nil); err != nil {
		return nil, err
	}
	known.waiting, err = near.Invitations(r.Context(), pass)
	r.known = known
	return known, err
}

// Waiting are the invitations that wait for the person.
func (r *Request) Waiting() ([]Waiting, error) {
	known, err := r.mine()
	if err != nil {
		return nil, err
	}
	return known.waiting, nil
}

func (r *Request) frame(title string) (*frame, error) {
	known, err := r.mine()
	if err != nil {
		return nil, err
	}
	f := &frame{Invitations: known.waiting, Person: r.Pass.Actor().Name, MayCreate: true}
	for _, p := range known.places {
		c := choice{Place: p, Path: At(p.ID), Current: p.ID == r.Organization()}
		if c.Current {
			f.Organization = &c.Place
		}
		f.Places = append(f.Places, c)
	}
	current := sectionOf(r.row.path())
	may, err := r.rights(f.Organization != nil)
	if err != nil {
		return nil, err
	}
	shown := current.rail
	if f.Organization == nil {
		shown = accountRail
		if _, last := r.last(); last != "" {
			for _, p := range known.places {
				if p.ID == last {
					f.Back = &Crumb{p.Name, At(p.ID)}
				}
			}
		}
	} else if shown == settingsRail {
		f.Back = &Crumb{f.Organization.Name, At(f.Organization.ID)}
	}
	for _, s := range sections {
		permission, ok := r.pages.offered(s)
		if !ok || !may(permission) {
			continue
		}
		to := strings.Replace(s.path, "{"+organizationParameter+"}", string(r.Organization()), 1)
		if s.rail == settingsRail && f.Settings == "" {
			f.Settings = to
		}
		if s.rail != shown {
			continue
		}
		if len(f.Groups) == 0 || f.Groups[len(f.Groups)-1].Name != s.group {
			f.Groups = append(f.Groups, group{Name: s.group})
		}
		g := &f.Groups[len(f.Groups)-1]
		e := entry{Name: s.name, Path: to, Current: s == current}
		if s.path == organizationsPath {
			e.Mark = len(known.waiting)
		}
		g.Entries = append(g.Entries, e)
	}
	f.Crumbs = r.trail(current, title)
	return f, nil
}

// trail is the breadcrumb: the rail where it is not the first, the section, the steps
// that the page added, and the page itself.
func (r *Request) trail(current section, title string) []Crumb {
	var trail []Crumb
	switch current.rail {
	case settingsRail, accountRail:
		trail = append(trail, Crumb{Words: string(current.rail)})
	}
	if current.path != "" && current.path != r.row.path() && current.path != under {
		trail = append(trail, Crumb{current.name, strings.Replace(current.path, "{"+organizationParameter+"}", string(r.Organization()), 1)})
	}
	return append(append(trail, r.crumbs...), Crumb{Words: title})
}

// rights tells what the person may do in the organization of the page, whatever the
// page's own pass is about.
func (r *Request) rights(inOrganization bool) (func(authz.Permission) bool, error) {
	if !inOrganization {
		return func(authz.Permission) bool { return true }, nil
	}
	pass, err := r.admit(authz.OrganizationView, route.InOrganization)
	if fault.Has(err, fault.NotFound) { // left in this moment
		return func(authz.Permission) bool { return false }, nil
	}
	return pass.Also, err
}

// start leads to where the person was last, or to where they can begin.
func (r *Request) start() error {
	known, err := r.mine()
	if err != nil {
		return err
	}
	_, last := r.last()
	for _, p := range known.places {
		if p.ID == last {
			r.Redirect(At(p.ID))
			return nil
		}
	}
	switch {
	case len(known.places) == 1 && len(known.waiting) == 0:
		r.Redirect(At(known.places[0].ID))
	case len(known.places) == 0 && len(known.waiting) == 0:
		r.Redirect(organizationsPath + "/new")
	default:
		r.Redirect(organizationsPath)
	}
	return nil
}

// nothingHere is the pattern of addresses that no page has.
const nothingHere = http.MethodGet + " " + home + "{rest...}"

// own adds the pages of the house itself.
func (p *Pages) own() {
	p.Add(
		Row{Pattern: "GET " + home + "{$}", Permission: authz.OrganizationList, Handler: (*Request).start},
		Row{Pattern: "POST " + home + "theme", Permission: authz.Public, Handler: (*Request).chooseTheme},
		Row{Pattern: "GET " + home + "design", Permission: authz.AccountRead, Handler: design},
	)
	nothing := Row{Pattern: nothingHere, Permission: authz.AccountRead, Handler: func(*Request) error {
		return fault.New(fault.NotFound, "There is no page at this address. It may have moved, or the thing it showed is gone.")
	}}
	p.mux.HandleFunc(nothingHere, func(w http.ResponseWriter, req *http.Request) {
		if p.takesForm(req.URL, req.Host) {
			w.Header().Set("Allow", http.MethodPost)
			route.WriteProblem(w, req, fault.New(fault.MethodNotAllowed, "This address takes POST only."))
			return
		}
		p.serve(w, req, nothing)
	})
}

// takesForm tells whether a form of the console is sent to an address.
func (p *Pages) takesForm(u *url.URL, host string) bool {
	_, pattern := p.mux.Handler(&http.Request{Method: http.MethodPost, Host: host, URL: u})
	return strings.HasPrefix(pattern, http.MethodPost+" "+home)
}

package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app"
)

// listed is what every list of the operator's takes.
type listed struct {
	operated
	Search string `help:"Only those with this in name, address or id." placeholder:"TEXT"`
	Limit  int    `help:"How many at most; up to 1000." default:"100" placeholder:"N"`
	After  string `help:"Go on behind this one, as the part before said." placeholder:"NAME"`
}

func (c listed) request() app.ListRequest {
	return app.ListRequest{Search: c.Search, After: c.After, Limit: c.Limit}
}

// table sets rows of cells in columns.
func table(rows [][]string, next string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cmp.Or(cell, "-"))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // into memory
	if next != "" {
		fmt.Fprintf(&b, "There are more: --after %q\n", next)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// day is a moment for people; empty for none.
func day(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04")
}

type userListCommand struct{ listed }

// Run lists people.
func (c userListCommand) Run(o output) error {
	var answer app.UserListAnswer
	return c.do(o, app.CommandUserList, c.request(), &answer, func() string {
		rows := [][]string{{"EMAIL", "NAME", "ORGANIZATIONS", "LAST SEEN", "STATE", "ID"}}
		for _, u := range answer.Users {
			rows = append(rows, []string{u.Email, u.Name, fmt.Sprint(u.Organizations), day(u.LastSeenAt), state(u), string(u.ID)})
		}
		return table(rows, answer.Next)
	})
}

func state(u account.Overview) string {
	switch {
	case u.DisabledAt != nil:
		return "disabled"
	case u.VerifiedAt == nil:
		return "not verified"
	}
	return "active"
}

// person is what every command about one person takes.
type person struct {
	operated
	User string `arg:"" help:"The person's e-mail address or id."`
}

func (c person) show(o output, command string, in any) error {
	var d account.Detail
	return c.do(o, command, in, &d, func() string {
		limit := "the server's"
		if d.OrganizationLimit > 0 {
			limit = fmt.Sprint(d.OrganizationLimit)
		}
		rows := [][]string{
			{"email", d.Email}, {"name", d.Name}, {"id", string(d.ID)}, {"state", state(d.Overview)}, {"created", day(&d.CreatedAt)},
			{"disabled", day(d.DisabledAt)}, {"last seen", day(d.LastSeenAt)}, {"organization limit", limit},
		}
		for _, p := range d.Places {
			deleted := ""
			if p.DeletedAt != nil {
				deleted = ", deleted"
			}
			rows = append(rows, []string{"member of", fmt.Sprintf("%s (%s, %d API tokens%s) %s", p.Name, p.Role, p.Tokens, deleted, p.ID)})
		}
		return table(rows, "")
	})
}

func (c person) request() app.UserRequest { return app.UserRequest{User: c.User} }

type userShowCommand struct{ person }

// Run shows a person.
func (c userShowCommand) Run(o output) error { return c.show(o, app.CommandUserShow, c.request()) }

type userDisableCommand struct{ person }

// Run disables a person.
func (c userDisableCommand) Run(o output) error {
	return c.show(o, app.CommandUserDisable, c.request())
}

type userEnableCommand struct{ person }

// Run enables a person.
func (c userEnableCommand) Run(o output) error { return c.show(o, app.CommandUserEnable, c.request()) }

type userSetCommand struct {
	person
	OrganizationLimit int64 `required:"" help:"Organizations that this person may belong to, in place of --max-organizations-per-user; 0 for the server's." placeholder:"N"`
}

// Run changes what a person may.
func (c userSetCommand) Run(o output) error {
	return c.show(o, app.CommandUserLimit, app.UserLimitRequest{UserRequest: c.request(), OrganizationLimit: c.OrganizationLimit})
}

type userDeleteCommand struct {
	person
	Yes string `help:"The e-mail address again, to confirm." placeholder:"ADDRESS"`
}

// Run deletes a person's account.
func (c userDeleteCommand) Run(o output) error {
	var gone app.UserDeleteAnswer
	return c.do(o, app.CommandUserDelete, app.UserDeleteRequest{UserRequest: c.request(), Confirmed: c.Yes}, &gone, func() string {
		return fmt.Sprintf("The account of %s is deleted (%s).", c.User, gone.UserID)
	})
}

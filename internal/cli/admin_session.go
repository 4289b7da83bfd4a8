package cli

import (
	"errors"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/app"
)

type sessionAdmin struct {
	List sessionListCommand `cmd:"" help:"List where a person is signed in."`
	End  sessionEndCommand  `cmd:"" help:"Sign a person out, at once: of one session or of all."`
}

// owner is what every command about a person's sessions takes.
type owner struct {
	operated
	Email string `required:"" help:"The person's e-mail address or id." placeholder:"ADDRESS"`
}

type sessionListCommand struct{ owner }

// Run lists sessions.
func (c sessionListCommand) Run(o output) error {
	var answer app.SessionListAnswer
	return c.do(o, app.CommandSessionList, app.UserRequest{User: c.Email}, &answer, func() string {
		rows := [][]string{{"KIND", "ADDRESS", "SIGNED IN", "LAST SEEN", "CLIENT", "ID"}}
		for _, s := range answer.Sessions {
			rows = append(rows, []string{string(s.Kind), s.Address, day(&s.CreatedAt), day(&s.LastSeenAt), printable(s.UserAgent), string(s.ID)})
		}
		return table(rows, "")
	})
}

// maxCell bounds what a client may put into a cell.
const maxCell = 60

// printable is a client's own words, cut, and without what moves a terminal's cursor.
func printable(words string) string {
	cell := []rune{}
	for _, c := range words {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			c = '?'
		}
		if len(cell) == maxCell {
			return string(cell) + "…"
		}
		cell = append(cell, c)
	}
	return string(cell)
}

type sessionEndCommand struct {
	owner
	All bool   `xor:"which" help:"End all of them."`
	ID  string `xor:"which" help:"End this one." placeholder:"ID"`
}

// Run ends sessions.
func (c sessionEndCommand) Run(o output) error {
	if !c.All && c.ID == "" {
		return errors.New("say which one with --id ID, or end them with --all")
	}
	var answer app.SessionEndAnswer
	in := app.SessionEndRequest{UserRequest: app.UserRequest{User: c.Email}, Session: c.ID}
	return c.do(o, app.CommandSessionEnd, in, &answer, func() string {
		return fmt.Sprintf("Sessions of %s that ended: %d.", c.Email, answer.Ended)
	})
}

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/announcement"
	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/report"
)

type announceAdmin struct {
	Send announceCommand         `cmd:"" default:"withargs" help:"Write to the admin e-mails of organizations about an outage or maintenance; to the owner where an organization names none."`
	List announcementListCommand `cmd:"" help:"List what was announced, newest first."`
}

type announceCommand struct {
	operated
	Kind         string `required:"" enum:"outage,maintenance" help:"outage or maintenance." placeholder:"KIND"`
	Subject      string `required:"" help:"What it is about, in 3 to 150 characters." placeholder:"TEXT"`
	Message      string `xor:"message" help:"What to tell; an empty line begins a paragraph." placeholder:"TEXT"`
	MessageFile  string `xor:"message" help:"File with what to tell; - for the standard input." placeholder:"FILE"`
	Organization string `xor:"whom" help:"Tell this organization only, by name or id." placeholder:"NAME"`
	All          bool   `xor:"whom" help:"Tell every organization that is not deleted."`
	From         string `help:"When the maintenance begins, such as 2027-01-16T22:00Z." placeholder:"TIME"`
	Until        string `help:"When it ends." placeholder:"TIME"`
	DryRun       bool   `help:"Send nothing; say how many letters there would be, and show one."`
}

// maxMessageFile is more than a message may have.
const maxMessageFile = 1 << 18

func (c announceCommand) message() (string, error) {
	if c.MessageFile == "" {
		return c.Message, nil
	}
	file := os.Stdin
	if c.MessageFile != "-" {
		var err error
		if file, err = os.Open(c.MessageFile); err != nil {
			return "", err
		}
		defer file.Close()
	}
	text, err := io.ReadAll(io.LimitReader(file, maxMessageFile))
	return string(text), err
}

// when reads a moment; nil for none.
func when(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nil is how "none" is written
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return &at, nil
		}
	}
	return nil, fmt.Errorf("--%s %q must be a moment with its zone, such as 2027-01-16T22:00Z or 2027-01-16T23:00+01:00", flag, text)
}

// Run announces.
func (c announceCommand) Run(o output) error {
	if !c.All && c.Organization == "" {
		return errors.New("say whom to tell: --all, or one with --organization NAME")
	}
	if c.Message == "" && c.MessageFile == "" {
		return errors.New("say what to tell with --message TEXT or --message-file FILE")
	}
	in := app.AnnounceRequest{DryRun: c.DryRun}
	in.Kind, in.Subject, in.Organization, in.All = announcement.Kind(c.Kind), c.Subject, c.Organization, c.All
	var err error
	if in.Message, err = c.message(); err != nil {
		return err
	}
	if in.From, err = when("from", c.From); err != nil {
		return err
	}
	if in.Until, err = when("until", c.Until); err != nil {
		return err
	}
	var sent announcement.Sent
	return c.do(o, app.CommandAnnounce, in, &sent, func() string {
		if c.DryRun {
			return fmt.Sprintf("Nothing was sent. Letters that would go out: %d, about organizations: %d.\n\nSubject: %s\n\n%s",
				sent.Letters, sent.Organizations, sent.Subject, strings.TrimSuffix(sent.Text, "\n"))
		}
		return fmt.Sprintf("Letters that go out: %d, about organizations: %d (announcement %s).", sent.Letters, sent.Organizations, sent.ID)
	})
}

type announcementListCommand struct {
	operated
	Limit int `help:"How many at most; up to 1000." default:"20" placeholder:"N"`
}

// Run lists announcements.
func (c announcementListCommand) Run(o output) error {
	var answer app.AnnouncementListAnswer
	return c.do(o, app.CommandAnnouncementList, app.AnnouncementListRequest{Limit: c.Limit}, &answer, func() string {
		rows := [][]string{{"MADE", "KIND", "SUBJECT", "FROM", "UNTIL", "TO", "LETTERS", "STATE", "ID"}}
		for _, a := range answer.Announcements {
			to, state := "all", "done"
			if a.Organization != "" {
				to = string(a.Organization)
			}
			if a.FinishedAt == nil {
				state = "under way"
			}
			rows = append(rows, []string{day(&a.CreatedAt), string(a.Kind), a.Subject, day(a.From), day(a.Until), to, fmt.Sprint(a.Letters), state, a.ID})
		}
		return table(rows, "")
	})
}

type reportCommand struct {
	operated
	Organization string `required:"" help:"The organization's name or id." placeholder:"NAME"`
	Kind         string `required:"" enum:"weekly,monthly" help:"weekly or monthly." placeholder:"KIND"`
	Send         bool   `xor:"what" help:"Send it to those who did not unsubscribe, also where it was sent before."`
	Print        bool   `xor:"what" help:"Print it only; so it is without a flag."`
}

// Run prints a usage report, or sends it.
func (c reportCommand) Run(o output) error {
	var shown report.Shown
	in := app.ReportRequest{OrganizationRequest: app.OrganizationRequest{Organization: c.Organization}, Kind: report.Kind(c.Kind), Send: c.Send}
	return c.do(o, app.CommandReport, in, &shown, func() string {
		rows := [][]string{}
		for _, f := range shown.Figures() {
			rows = append(rows, []string{f.Name, f.Value})
		}
		rows = append(rows, []string{"Goes to", strings.Join(shown.Recipients, ", ")}, []string{"Unsubscribed", strings.Join(shown.Unsubscribed, ", ")})
		words := shown.Title() + "\n" + table(rows, "")
		if c.Send {
			words += fmt.Sprintf("\nLetters that go out: %d.", shown.Letters)
		}
		return words
	})
}

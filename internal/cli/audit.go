package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/audit"
)

type auditCommands struct {
	Verify verifyCommand `cmd:"" help:"Check that no event was altered, removed, moved or inserted. Exit 0: none; exit 1: the first bad event is named."`
	Head   headCommand   `cmd:"" help:"Print the signed heads of the chains, to be kept elsewhere; audit verify --against holds the record against them."`
}

type verifyCommand struct {
	stored
	File    string   `help:"Check this exported file (CSV or JSON Lines) in place of a database; neither a database nor the master key is needed. - for the standard input." placeholder:"FILE"`
	Against []string `sep:"none" help:"Head that was noted earlier, or a file with such heads or an earlier export: also a cut tail, a database that was rolled back and an organization that is gone are found then. Can be given more than once." placeholder:"HEAD"`
	Key     string   `help:"Name of the key (kid) that must have signed the file; the server tells it under /.well-known/guildhall-heads.json." placeholder:"KID"`
}

// verdict is what --json prints.
type verdict struct {
	OK bool `json:"ok"`
	*audit.Report
	Exported *audit.FileReport `json:"file,omitempty"`
	Against  int               `json:"against,omitempty"`
	Stream   string            `json:"stream,omitempty"`
	Seq      int64             `json:"seq,omitempty"`
	Event    string            `json:"event,omitempty"`
	Reason   string            `json:"reason,omitempty"`
}

// Run verifies every chain of events, or a file.
func (c verifyCommand) Run(o output) error {
	noted, err := c.noted()
	if err != nil {
		return err
	}
	v, words := verdict{Against: len(noted)}, ""
	if c.File != "" {
		v.Exported, words, err = c.file(noted)
	} else if c.Key != "" {
		return errors.New("--key goes with --file: a database has its key")
	} else {
		ctx, stop := untilInterrupted()
		defer stop()
		var report audit.Report
		report, err = app.VerifyAudit(ctx, c.Storage, noted)
		v.Report = &report
		words = fmt.Sprintf("%d events in %d chains are as they were written.", report.Events, report.Streams)
		if report.Erased > 0 {
			words += fmt.Sprintf(" The content of %d was erased; their digests are in place.", report.Erased)
		}
		if report.Redacted > 0 {
			words += fmt.Sprintf(" A person was taken out of %d; an event of the same chain names each.", report.Redacted)
		}
		if len(noted) > 0 {
			words += fmt.Sprintf("\nNoted heads that they lead to: %d.", len(noted))
		}
	}
	var bad *audit.BadEvent
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	v.OK = bad == nil
	if bad != nil {
		v.Stream, v.Seq, v.Event, v.Reason = bad.Stream, bad.Seq, string(bad.ID), bad.Reason
		words = "First bad event: " + bad.Error()
	}
	if c.JSON {
		err = json.NewEncoder(o.out).Encode(v)
	} else {
		_, err = fmt.Fprintln(o.out, words)
	}
	if err == nil && bad != nil {
		return errSilent
	}
	return err
}

// noted reads the heads that were noted.
func (c verifyCommand) noted() ([]audit.Noted, error) {
	var list []audit.Noted
	for _, text := range c.Against {
		var r io.Reader = strings.NewReader(text)
		if file, err := os.Open(text); err == nil {
			defer file.Close()
			r = file
		}
		found, err := audit.ReadNoted(r)
		if err != nil {
			return nil, fmt.Errorf("--against %.60s: %w", text, err)
		}
		list = append(list, found...)
	}
	return list, nil
}

func (c verifyCommand) file(noted []audit.Noted) (*audit.FileReport, string, error) {
	in := os.Stdin
	if c.File != "-" {
		var err error
		if in, err = os.Open(c.File); err != nil {
			return nil, "", err
		}
		defer in.Close()
	}
	r, err := audit.VerifyFile(in, c.Key, noted)
	words := fmt.Sprintf("The file holds the events %d to %d of the organization %s as they were written: %d with their content.", r.First, r.Seq, r.Stream, r.Events)
	if r.First > r.Seq {
		words = fmt.Sprintf("The file holds no event; the chain of the organization %s ended at %d.", r.Stream, r.Seq)
	}
	if r.Erased > 0 {
		words += fmt.Sprintf(" The content of %d was erased; their digests are in place.", r.Erased)
	}
	if r.Redacted > 0 {
		words += fmt.Sprintf(" A person was taken out of %d; an event in the file names each.", r.Redacted)
	}
	switch {
	case r.LeftOut > 0 && r.Format == audit.CSV:
		words += fmt.Sprintf("\nIt is NOT complete: %d events are not in it, and a CSV file cannot tell whether they were left out by its filter or removed later. Export JSON Lines for a proof.", r.LeftOut)
	case r.LeftOut > 0:
		words += fmt.Sprintf("\nIt is NOT complete: the content of %d events was left out, by its filter or because whoever exported it does not see them. Their places in the chain are proved.", r.LeftOut)
	}
	if r.First > 1 {
		words += fmt.Sprintf("\nIt begins behind event %d; what was before is not in it.", r.First-1)
	}
	words += "\nSigned with the key " + r.Key
	if c.Key == "" {
		words += "; compare it with the kid under /.well-known/guildhall-heads.json of the server, or give it with --key"
	}
	words += "."
	if r.Against > 0 {
		words += fmt.Sprintf("\nNoted heads that it leads to: %d.", r.Against)
	}
	return &r, words, err
}

type headCommand struct {
	stored
	Organization string `help:"Only the chain of this organization, by id or name." placeholder:"NAME"`
}

// Run prints signed heads.
func (c headCommand) Run(o output) error {
	ctx, stop := untilInterrupted()
	defer stop()
	heads, err := app.AuditHeads(ctx, c.Storage, c.Organization)
	if err != nil {
		return err
	}
	var words strings.Builder
	for _, h := range heads {
		fmt.Fprintf(&words, "# %s, event %d, %s, signed with the key %s\n# %s\n%s\n", oneLine(h.Name), h.Seq, h.At.Format("2006-01-02 15:04:05 MST"), h.Key, h.Short, h.Signed)
	}
	return c.say(o, struct {
		Heads []app.SignedHead `json:"heads"`
	}{heads}, strings.TrimSuffix(words.String(), "\n"))
}

// oneLine keeps a name from looking like more than a name.
func oneLine(name string) string { return strings.Join(strings.Fields(name), " ") }

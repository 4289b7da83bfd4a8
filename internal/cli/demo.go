package cli

import (
	"fmt"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/app"
)

type demoCommands struct {
	Remove demoRemoveCommand `cmd:"" help:"Take the made-up organizations and people of the demo away for good; what others made stays."`
}

type demoRemoveCommand struct{ operated }

// Run removes the demo.
func (c demoRemoveCommand) Run(o output) error {
	var gone app.DemoRemoved
	return c.do(o, app.CommandDemoRemove, struct{}{}, &gone, func() string {
		words := fmt.Sprintf("The demo is gone: %s, and %d people.", strings.Join(gone.Organizations, ", "), len(gone.People))
		if len(gone.Kept) > 0 {
			words += fmt.Sprintf("\nKept, because they own something of their own: %s.", strings.Join(gone.Kept, ", "))
		}
		return words
	})
}

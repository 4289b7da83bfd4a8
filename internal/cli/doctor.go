package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/doctor"
)

// doctorCommand takes what the server takes, and so looks at what that would use.
type doctorCommand struct {
	serveCommand
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is shown by guildhall doctor --help.
func (doctorCommand) Help() string {
	return "Give it the flags, the environment and the file that the server gets. It changes nothing, and works beside a running server. Exit 0: no problem; exit 1: at least one."
}

// Run prints what is found.
func (c doctorCommand) Run(o output) error {
	findings, err := doctor.Examine(context.Background(), c.Storage, c.Server, clock.System{})
	if err != nil {
		return err
	}
	counts := map[doctor.Status]int{}
	for _, f := range findings {
		counts[f.Status]++
	}
	well := counts[doctor.Problem] == 0
	if c.JSON {
		err = json.NewEncoder(o.out).Encode(struct {
			OK       bool             `json:"ok"`
			Findings []doctor.Finding `json:"findings"`
		}{well, findings})
	} else {
		for _, f := range findings {
			fmt.Fprintf(o.out, "%-8s %-12s %s\n", f.Status, f.Check, f.Says)
			if f.Do != "" {
				fmt.Fprintf(o.out, "%-21s -> %s\n", "", f.Do)
			}
		}
		_, err = fmt.Fprintf(o.out, "Problems: %d, warnings: %d.\n", counts[doctor.Problem], counts[doctor.Warning])
	}
	if err == nil && !well {
		return errSilent
	}
	return err
}

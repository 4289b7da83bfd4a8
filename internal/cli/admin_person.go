package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/guildhall-dev/guildhall/internal/account"
	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/takeout"
)

type userEraseCommand struct {
	person
	Yes string `help:"The e-mail address again, to confirm." placeholder:"ADDRESS"`
}

// Run erases a person.
func (c userEraseCommand) Run(o output) error {
	var gone account.Erased
	return c.do(o, app.CommandUserErase, app.UserDeleteRequest{UserRequest: c.request(), Confirmed: c.Yes}, &gone, func() string {
		return fmt.Sprintf("The account of %s is deleted (%s), and the record says \"%s\" instead. Backups made before still hold the person.", c.User, gone.User, gone.Pseudonym)
	})
}

type userExportCommand struct {
	person
	File string `arg:"" optional:"" help:"The file to write, which must not be there yet; without one, the output."`
}

// Run takes out everything about a person.
func (c userExportCommand) Run(o output) (failed error) {
	ctx, cancel := context.WithTimeout(context.Background(), operatorDeadline)
	defer cancel()
	var all takeout.Export
	if err := app.Operate(ctx, c.Storage, c.Mail, app.CommandUserExport, c.request(), &all); err != nil {
		return err
	}
	to := o.out
	if c.File != "" {
		file, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, file.Close()) }()
		to = file
	}
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

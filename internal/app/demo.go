package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Demo is what a database that was filled for a look around remembers of it.
type Demo struct {
	// Password is everybody's; it was made for this database alone.
	Password      string             `json:"password"`
	Token         string             `json:"token"`
	Organizations []DemoOrganization `json:"organizations"`
	People        []DemoPerson       `json:"people"`
}

// DemoOrganization is an organization of the demo.
type DemoOrganization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DemoPerson is somebody of the demo.
type DemoPerson struct {
	Email        string `json:"email"`
	Role         string `json:"role"`
	Organization string `json:"organization"`
	Left         bool   `json:"left,omitempty"` // is no member any more
}

// demoSetting holds the demo, sealed: it has a password and a token in it.
const demoSetting = "demo"

// demoField is what is sealed of it: all.
const demoField = "story"

// sealedDemo lists the demo, for who checks that everything sealed opens.
func sealedDemo(q store.Querier) ([]seal.Field, error) {
	text, err := store.Setting(q, demoSetting)
	if err != nil || text == "" {
		return nil, err
	}
	return []seal.Field{{Organization: store.Server, Object: demoSetting, Name: demoField, Text: text}}, nil
}

// KeepDemo remembers that the database holds the demo.
func (a *App) KeepDemo(tx *store.Tx, d Demo) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	sealed, err := a.ring.Keeper().Seal(tx, store.Server, demoSetting, demoField, string(text))
	if err != nil {
		return err
	}
	return store.SetSetting(tx, demoSetting, sealed)
}

// Demo is the demo in the database; nil where there is none.
func (a *App) Demo(ctx context.Context) (*Demo, error) {
	q := a.DB.Reader(ctx)
	sealed, err := store.Setting(q, demoSetting)
	if err != nil || sealed == "" {
		return nil, err
	}
	text, err := a.ring.Keeper().Open(q, store.Server, demoSetting, demoField, sealed)
	if err != nil {
		return nil, err
	}
	var d Demo
	return &d, json.Unmarshal([]byte(text), &d)
}

// Empty tells whether there is no account yet.
func (a *App) Empty(ctx context.Context) (bool, error) {
	n, err := store.Value[int64](a.DB.Reader(ctx), `SELECT COUNT(*) FROM (SELECT id FROM account LIMIT 1) AS one`)
	return n == 0, err
}

// notice marks the pages of a server that holds the demo.
func (a *App) notice(ctx context.Context) string {
	if text, err := store.Setting(a.DB.Reader(ctx), demoSetting); err != nil || text == "" {
		return ""
	}
	return "Demo: the organizations and people here are made up."
}

// greet tells how to look around.
func (d *Demo) greet(out io.Writer, publicURL, data string) {
	fmt.Fprintf(out, "This server holds demo data: %d made-up organizations and a year of their activity.\n\nSign in at %s/sign-in with the password %s as\n\n", len(d.Organizations), publicURL, d.Password)
	for _, p := range d.People {
		if p.Left {
			continue
		}
		fmt.Fprintf(out, "    %-28s %-15s %s\n", p.Email, p.Role, p.Organization)
	}
	first := d.Organizations[0]
	fmt.Fprintf(out, `
or ask the API with the token of %[2]s's CI:

    TOKEN=%[3]s
    curl --url %[1]s/organization --header "Authorization: Token $TOKEN"
    curl --url %[1]s/organization/%[4]s/member --header "Authorization: Token $TOKEN"
    curl --url %[1]s/organization/%[4]s/project --header "Authorization: Token $TOKEN"
    curl --url '%[1]s/organization/%[4]s/events?pageSize=20' --header "Authorization: Token $TOKEN"

guildhall admin demo remove --data %[5]s takes all of it away again.

`, publicURL, first.Name, d.Token, first.ID, data)
}

// DemoRemoved is what removing the demo did.
type DemoRemoved struct {
	Organizations []string `json:"organizations"`
	People        []string `json:"people"`
	// Kept are people who have come to own something of their own.
	Kept []string `json:"kept"`
}

// removeDemo takes the demo's organizations and people away for good; what others made
// beside them stays. It can be run again where it was cut off.
func (a *App) removeDemo(ctx context.Context, _ struct{}) (DemoRemoved, error) {
	gone := DemoRemoved{Organizations: []string{}, People: []string{}, Kept: []string{}}
	d, err := a.Demo(ctx)
	if err != nil {
		return gone, err
	}
	if d == nil {
		return gone, fault.New(fault.NotFound, "There is no demo in this database.")
	}
	for _, o := range d.Organizations {
		found, err := a.Organizations.Show(ctx, operator(), o.ID)
		if err == nil {
			_, err = a.Organizations.PurgeNow(ctx, operator(), o.ID, found.Name)
		}
		switch {
		case err == nil:
			gone.Organizations = append(gone.Organizations, found.Name)
		case !fault.Has(err, fault.NotFound):
			return gone, err
		}
	}
	for _, p := range d.People {
		_, err := a.Accounts.CloseFor(ctx, operator(), p.Email, p.Email)
		switch {
		case err == nil:
			gone.People = append(gone.People, p.Email)
		case fault.Has(err, fault.LimitReached):
			if !slices.Contains(gone.Kept, p.Email) { // some are in both organizations
				gone.Kept = append(gone.Kept, p.Email)
			}
		case !fault.Has(err, fault.NotFound): // gone already
			return gone, err
		}
	}
	return gone, store.Do(ctx, a.DB, operator(), func(tx *store.Tx) error { return store.SetSetting(tx, demoSetting, "") })
}

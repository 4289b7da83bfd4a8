package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

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

// DemoPerson is somebody to sign in as.
type DemoPerson struct {
	Email        string `json:"email"`
	Role         string `json:"role"`
	Organization string `json:"organization"`
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

// greet tells how to look around.
func (d *Demo) greet(out io.Writer, publicURL string) {
	fmt.Fprintf(out, "This server holds demo data: %d made-up organizations and a year of their activity.\n\nSign in at %s/sign-in with the password %s as\n\n", len(d.Organizations), publicURL, d.Password)
	for _, p := range d.People {
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

guildhall admin demo remove takes all of it away again.

`, publicURL, first.Name, d.Token, first.ID)
}

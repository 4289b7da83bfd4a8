package console

import (
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

var designPage = Parse(files, "pages/design.html")

// design shows every part of the design system, for those who build pages.
func design(r *Request) error {
	now := r.Now()
	ago := func(d time.Duration) Moment { return Moment{now.Add(-d), now} }
	form := Form{
		Button: "Save the changes", Cancel: home + "design", Wrong: "What is wrong with the form as a whole stands here.",
		Fields: []Field{
			{Name: "name", Label: "Name", Value: "storefront", Help: "What it is called.", MaxLength: 128},
			{Name: "taken", Label: "Taken name", Value: "Acme", Wrong: "Organization name is already taken."},
			{Name: "about", Label: "Description", Type: "textarea", Optional: true},
			{Name: "role", Label: "Role", Type: "select", Value: "VIEWER", Options: []Option{{Value: "ADMIN", Label: "Admin"}, {Value: "VIEWER", Label: "Viewer"}}},
			{Name: "size", Label: "Plan", Type: "radio", Value: "TEAM", Options: []Option{
				{Value: "FREE", Label: "Free", Help: "For one person.", Aside: "€0"}, {Value: "TEAM", Label: "Team", Help: "Ten people.", Aside: "€899"},
			}},
			{Name: "tell", Label: "Tell me when it is done", Type: "checkbox", Checked: true},
			{Name: "address", Label: "Address", Value: "jane@example.com", ReadOnly: true},
			{Name: "website", Label: "Website", Type: "url", Optional: true, Advanced: true},
		},
	}
	return r.Show(designPage, http.StatusOK, "Design", struct {
		Form, Danger Form
		Moments      []Moment
		Names        []string
		Toast        *Toast
	}{
		form,
		Form{Button: "Delete the organization", Danger: true, Fields: []Field{
			{Name: "confirm", Label: "Type the name of the organization, Acme, to confirm", MustBe: "Acme", Autocomplete: "off"},
		}},
		[]Moment{ago(20 * time.Second), ago(4 * time.Minute), ago(5 * time.Hour), ago(3 * 24 * time.Hour), ago(400 * 24 * time.Hour), ago(-36 * time.Hour), {clock.Time(0), now}},
		[]string{"storefront", "a-name-of-eighty-characters-which-somebody-has-chosen-for-the-europe-west-cluster"},
		&Toast{Words: "Project “storefront” is deleted."},
	})
}

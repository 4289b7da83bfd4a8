package organization

import (
	"context"
	"encoding/json"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// Revert edits the name and the profile back to how an event showed them. The plan, a
// restriction and the owner are not edited, so they stay.
func (s *Service) Revert(ctx context.Context, pass authz.Pass, _ string, state json.RawMessage) error {
	was := organizationAnswer{OrganizationSettings: &OrganizationSettings{}}
	if err := json.Unmarshal(state, &was); err != nil {
		return err
	}
	text := func(value *string) route.Optional[string] { return route.Optional[string]{Sent: true, Value: value} }
	emails := route.Optional[[]string]{Sent: true}
	if was.AdminEmails != nil {
		emails.Value = &was.AdminEmails
	}
	_, err := s.Edit(ctx, pass, Edit{
		Name: was.Name, Description: text(was.Description), WebsiteURL: text(was.WebsiteURL), Repository: text(was.Repository),
		LogoURL: text(was.LogoURL), IconURL: text(was.IconURL), AdminEmails: emails,
	})
	return err
}

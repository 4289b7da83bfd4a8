package takeout

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// part is a table, or some of it, that holds something of a person: $1 is their id or,
// byEmail, the key of their address.
type part struct {
	name, columns, from string
	byEmail             bool
}

// parts is everything but events. A test walks the schema and finds what is missing here.
var parts = []part{
	{name: "account", columns: `id, email, communication_email, first_name, last_name, nickname, picture_url, organization_limit, credentials_changed_at, verified_at, disabled_at, created_at, updated_at, last_seen_at, sign_up`,
		from: `FROM account WHERE id = $1`},
	{name: "identities", columns: `id, user_id, issuer, subject, email, created_at`, from: `FROM identity WHERE user_id = $1 ORDER BY id`},
	{name: "sessions", columns: `s.id, s.user_id, s.kind, s.credentials, s.address, s.user_agent, s.created_at, s.last_seen_at, s.expires_at, r.client`,
		from: `FROM session s LEFT JOIN refresh_grant r ON r.session_id = s.id WHERE s.user_id = $1 ORDER BY s.id`},
	{name: "device_grants", columns: `id, client, address, user_agent, state, user_id, credentials, created_at, expires_at`, from: `FROM device_grant WHERE user_id = $1 ORDER BY id`},
	{name: "proofs", columns: `purpose, subject, email, credentials, expires_at`, from: `FROM proof WHERE subject = $1 ORDER BY purpose`},
	{name: "proofs_of_the_address", columns: `purpose, subject, email, expires_at`, from: `FROM proof WHERE subject = $1 ORDER BY purpose`, byEmail: true},
	{name: "memberships", columns: `m.organization_id, o.name AS organization_name, m.user_id, m.role, m.joined_at`,
		from: `FROM member m JOIN organization o ON o.id = m.organization_id WHERE m.user_id = $1 ORDER BY m.joined_at, m.organization_id`},
	{name: "invitations_sent", columns: `i.organization_id, i.email, i.role, i.inviter_id, i.created_at, i.updated_at, i.expires_at`,
		from: `FROM invitation i WHERE i.inviter_id = $1 ORDER BY i.created_at, i.id`},
	{name: "invitations_received", columns: `i.organization_id, o.name AS organization_name, i.email, i.role, i.created_at, i.updated_at, i.expires_at`,
		from: `FROM invitation i JOIN organization o ON o.id = i.organization_id WHERE i.email_key = $1 ORDER BY i.created_at, i.id`, byEmail: true},
	{name: "api_tokens", columns: `id, organization_id, name, description, role, hint, created_by, created_at, updated_at, expires_at, last_used_at`,
		from: `FROM api_token WHERE created_by = $1 ORDER BY id`},
	{name: "deleted", columns: `organization_id, kind, name, user_id, deleted_at`, from: `FROM deleted_row WHERE user_id = $1 ORDER BY organization_id, id`},
	{name: "kept_answers", columns: `actor_id, idempotency_key, created_at`, from: `FROM idempotency WHERE actor_id = $1 ORDER BY idempotency_key`},
	{name: "report_subscriptions", columns: `organization_id, period_kind, address, ended_at, created_at`,
		from: `FROM report_subscription WHERE address_key = $1 ORDER BY organization_id, period_kind`, byEmail: true},
	{name: "announcements_received", columns: `announcement_id, address_key`, from: `FROM announcement_letter WHERE address_key = $1 ORDER BY announcement_id`, byEmail: true},
}

// contactOf are the organizations that have the address among their admin e-mails.
func contactOf(q store.Querier, email string) ([]Row, error) {
	rows := []Row{}
	err := store.Each(q, `SELECT id, name, body FROM organization WHERE body LIKE '%@%' ORDER BY id`, func(s store.Scan) error {
		var organization, name, body string
		if err := s(&organization, &name, &body); err != nil {
			return err
		}
		var profile struct {
			AdminEmails []string `json:"admin_emails"`
		}
		if err := json.Unmarshal([]byte(body), &profile); err != nil {
			return err
		}
		if slices.ContainsFunc(profile.AdminEmails, func(a string) bool { return authn.Key(a) == authn.Key(email) }) {
			rows = append(rows, Row{"organization_id": organization, "organization_name": name, "admin_email": email})
		}
		return nil
	})
	return rows, err
}

// source finds the tables of a part, with the letters that stand for them.
var source = regexp.MustCompile(`(?:FROM|JOIN) ([a-z_]+)(?: ([a-z]))?\b`)

// Columns are the columns that an export gives, as table.column, for the test that
// looks for what is missing.
func Columns() map[string]bool {
	all := map[string]bool{}
	for _, p := range parts {
		tables := map[string]string{}
		for _, found := range source.FindAllStringSubmatch(p.from, -1) {
			tables[found[2]] = found[1]
		}
		for _, column := range strings.Split(p.columns, ", ") {
			column, _, _ = strings.Cut(column, " AS ")
			letter, name, qualified := strings.Cut(column, ".")
			if !qualified {
				letter, name = "", column
			}
			all[tables[letter]+"."+name] = true
		}
	}
	return all
}

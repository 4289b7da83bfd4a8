package audit_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// document is a document as events hold it.
func document(t *testing.T, fields map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// invited is an invitation as events show it: without its id, which is a secret.
func invited(t *testing.T, r *apptest.Response) []byte {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.Text("expires_at"))
	if err != nil {
		t.Fatal(err)
	}
	return document(t, map[string]any{"email": r.Text("email"), "role_name": r.Text("role_name"), "expires_at": at.Format("2006-01-02T15:04:05.000000Z")})
}

func (w *world) memberOf(t *testing.T, email string, role authz.RoleName) []byte {
	t.Helper()
	return document(t, map[string]any{"email": email, "role_name": role, "role_id": authz.RoleID(w.organization, role)})
}

// invite asks Joe in, and gives the invitation. Who has its id can use it: no event may hold it.
func (w *world) invite(t *testing.T) *apptest.Response {
	t.Helper()
	body := map[string]any{"email": "joe@example.com", "role_id": authz.RoleID(w.organization, authz.Developer)}
	r := with(w.jane, cli).Post(t, w.path("/inviteMember"), body).Must(t, 201)
	w.invitation = w.path("/inviteMember/" + r.Text("id"))
	w.secrets = append(w.secrets, r.Text("id"))
	return r
}

// by is a change that somebody makes of something in the organization.
func (w *world) by(c *apptest.Caller, target audit.Reference) change {
	return change{stream: string(w.organization), actor: person(c), client: client(cli, "CLI"), target: target}
}

func reference(c *apptest.Caller) audit.Reference {
	return audit.Reference{ID: string(c.ID), Name: c.Email}
}

// asked is the newest invitation as events name it: not by its id, which is a secret.
func (w *world) asked() audit.Reference {
	secret := w.invitation[strings.LastIndex(w.invitation, "/")+1:]
	return audit.Reference{ID: id.Derived[string](string(w.organization), "invitation "+secret), Name: "joe@example.com"}
}

// customRole reads the custom role as events show it: the levels above the lowest.
func (w *world) customRole(t *testing.T, levels ...any) []byte {
	t.Helper()
	r := w.jane.Get(t, w.path("/customRole/"+w.role)).Must(t, 200)
	fields := map[string]any{"id": w.role, "cluster_permissions": []any{}, "project_permissions": append([]any{}, levels...)}
	for _, name := range []string{"name", "description"} {
		fields[name] = r.Text(name)
	}
	return document(t, fields)
}

// deployer is a project in a custom role that deploys in STAGING.
func deployer(project string) map[string]any {
	var levels []any
	for _, mode := range authz.Modes[1:] {
		level := authz.NoAccess
		if mode == authz.Staging {
			level = authz.Deployer
		}
		levels = append(levels, map[string]any{"environment_type": mode, "permission": level})
	}
	return map[string]any{"project_id": project, "is_admin": false, "permissions": levels}
}

// people are the changes of who is in an organization and of what they may.
var people = []step{
	{audit.InvitationCreate, func(t *testing.T, w *world) change {
		r := w.invite(t)
		c := w.by(w.jane, w.asked())
		c.after = invited(t, r)
		return c
	}},
	{audit.InvitationResend, func(t *testing.T, w *world) change {
		before := invited(t, w.jane.Get(t, w.invitation).Must(t, 200))
		r := with(w.jane, cli).Post(t, w.invitation+"/resend", nil).Must(t, 200)
		c := w.by(w.jane, w.asked())
		c.before, c.after, c.changed = before, invited(t, r), []string{"expires_at"}
		return c
	}},
	{audit.InvitationRevoke, func(t *testing.T, w *world) change {
		c := w.by(w.jane, w.asked())
		c.before = invited(t, w.jane.Get(t, w.invitation).Must(t, 200))
		with(w.jane, cli).Delete(t, w.invitation).Must(t, 204)
		return c
	}},
	{audit.InvitationRestore, func(t *testing.T, w *world) change {
		w.restore(t, w.asked().ID)
		c := w.by(w.jane, w.asked())
		c.after = invited(t, w.jane.Get(t, w.invitation).Must(t, 200))
		return c
	}},
	{audit.InvitationDecline, func(t *testing.T, w *world) change {
		c := w.by(w.joe, w.asked())
		c.before = invited(t, w.joe.Get(t, w.invitation).Must(t, 200))
		with(w.joe, cli).Post(t, w.invitation+"/decline", nil).Must(t, 204)
		return c
	}},
	{audit.InvitationAccept, func(t *testing.T, w *world) change {
		c := w.by(w.joe, w.asked())
		c.after = invited(t, w.joe.Get(t, w.invitation).Must(t, 200))
		with(w.joe, cli).Post(t, w.invitation, nil).Must(t, 201)
		return c
	}},
	{audit.MemberRole, func(t *testing.T, w *world) change {
		with(w.jane, cli).Put(t, w.path("/member"), map[string]any{"user_id": w.joe.ID, "role_id": authz.RoleID(w.organization, authz.Admin)}).Must(t, 200)
		c := w.by(w.jane, reference(w.joe))
		c.before, c.after, c.changed = w.memberOf(t, w.joe.Email, authz.Developer), w.memberOf(t, w.joe.Email, authz.Admin), []string{"role_id", "role_name"}
		return c
	}},
	{audit.OwnershipTransfer, func(t *testing.T, w *world) change {
		with(w.jane, cli).Post(t, w.path("/transferOwnership"), map[string]any{"user_id": w.joe.ID}).Must(t, 204)
		c := w.by(w.jane, reference(w.joe))
		c.before = document(t, map[string]any{"owner": w.jane.ID, "email": w.jane.Email})
		c.after = document(t, map[string]any{"owner": w.joe.ID, "email": w.joe.Email})
		c.changed = []string{"email", "owner"}
		return c
	}},
	{audit.APITokenTakeOver, func(t *testing.T, w *world) change {
		before := document(t, w.jane.Get(t, w.path("/apiToken")).Must(t, 200).Value("results.0").(map[string]any))
		r := with(w.joe, cli).Post(t, w.path("/apiToken/"+w.token+"/takeOver"), nil).Must(t, 200)
		c := w.by(w.joe, audit.Reference{ID: w.token, Name: "robot"})
		c.before, c.after, c.changed = before, r.Body, []string{"created_by", "updated_at"}
		return c
	}},
	{audit.MemberRemove, func(t *testing.T, w *world) change {
		with(w.jane, cli).Do(t, "DELETE", w.path("/member"), map[string]any{"user_id": w.joe.ID}).Must(t, 204)
		c := w.by(w.jane, reference(w.joe))
		c.before = w.memberOf(t, w.joe.Email, authz.Admin)
		return c
	}},
	{audit.MemberRestore, func(t *testing.T, w *world) change {
		w.restore(t, string(w.joe.ID))
		c := w.by(w.jane, reference(w.joe))
		c.after = w.memberOf(t, w.joe.Email, authz.Admin)
		return c
	}},
	{audit.MemberLeave, func(t *testing.T, w *world) change {
		with(w.joe, cli).Do(t, "DELETE", w.path("/member"), map[string]any{"user_id": w.joe.ID}).Must(t, 204)
		c := w.by(w.joe, reference(w.joe))
		c.before = w.memberOf(t, w.joe.Email, authz.Viewer)
		return c
	}},
	{audit.RoleCreate, func(t *testing.T, w *world) change {
		r := with(w.jane, cli).Post(t, w.path("/customRole"), map[string]any{"name": "Testers", "description": "They test"}).Must(t, 201)
		w.role = r.Text("id")
		c := w.by(w.jane, audit.Reference{ID: w.role, Name: "Testers"})
		c.after = w.customRole(t)
		return c
	}},
	{audit.AccessReview, func(t *testing.T, w *world) change {
		name := w.jane.Get(t, w.path("")).Must(t, 200).Text("name")
		with(w.jane, cli).Get(t, w.path("/access/review")).Must(t, 200)
		return w.by(w.jane, audit.Reference{ID: string(w.organization), Name: name})
	}},
	{audit.AccessReview, func(t *testing.T, w *world) change {
		since := w.s.Clock.Now().UTC().Format(time.RFC3339Nano)
		name := w.jane.Get(t, w.path("")).Must(t, 200).Text("name")
		with(w.jane, cli).Get(t, w.path("/access/changes?since="+url.QueryEscape(since))).Must(t, 200)
		c := w.by(w.jane, audit.Reference{ID: string(w.organization), Name: name})
		c.after = document(t, map[string]any{"changes_since": since})
		return c
	}},
	{audit.RoleUpdate, func(t *testing.T, w *world) change {
		before := w.customRole(t)
		sent := map[string]any{"project_id": w.project, "permissions": []any{map[string]any{"environment_type": "STAGING", "permission": "DEPLOYER"}}}
		body := map[string]any{"name": "Quality", "cluster_permissions": []any{}, "project_permissions": []any{sent}}
		with(w.jane, cli).Put(t, w.path("/customRole/"+w.role), body).Must(t, 200)
		c := w.by(w.jane, audit.Reference{ID: w.role, Name: "Quality"})
		c.before, c.after = before, w.customRole(t, deployer(w.project))
		c.changed = []string{"name", "project_permissions"}
		return c
	}},
	{audit.RoleDelete, func(t *testing.T, w *world) change {
		before := w.customRole(t, deployer(w.project))
		with(w.jane, cli).Delete(t, w.path("/customRole/"+w.role)).Must(t, 204)
		c := w.by(w.jane, audit.Reference{ID: w.role, Name: "Quality"})
		c.before = before
		return c
	}},
	{audit.RoleRestore, func(t *testing.T, w *world) change {
		w.restore(t, w.role)
		c := w.by(w.jane, audit.Reference{ID: w.role, Name: "Quality"})
		c.after = w.customRole(t, deployer(w.project))
		return c
	}},
}

// restore takes a deletion back.
func (w *world) restore(t *testing.T, thing string) {
	t.Helper()
	with(w.jane, cli).Post(t, w.path("/deleted/"+thing+"/restore"), map[string]any{}).Must(t, 200)
}

// ready makes what a step needs and does not make itself: its events are not looked at.
func ready(t *testing.T, w *world, action audit.Action) {
	t.Helper()
	switch action {
	case audit.InvitationCreate:
		w.joe = w.s.Person(t, "joe@example.com")
	case audit.AccountVerify:
		w.unproved(t)
	case audit.InvitationDecline: // the one that was restored
	case audit.InvitationAccept:
		w.invite(t)
	case audit.MemberRemove: // the ownership goes back first
		w.joe.Post(t, w.path("/transferOwnership"), map[string]any{"user_id": w.jane.ID}).Must(t, 204)
	case audit.MemberLeave:
		w.jane.Put(t, w.path("/member"), map[string]any{"user_id": w.joe.ID, "role_id": authz.RoleID(w.organization, authz.Viewer)}).Must(t, 200)
	case audit.RoleUpdate:
		w.project = w.jane.Post(t, w.path("/project"), map[string]any{"name": "Shop"}).Must(t, 200).Text("id")
	case audit.OrganizationPurge: // after the restoration, so that the earlier job finds nothing to do
		w.jane.Delete(t, w.path("")).Must(t, 204)
	}
}

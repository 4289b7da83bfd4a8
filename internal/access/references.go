package access

import (
	"cmp"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// asking is a statement that finds what refers to a thing of an organization ($1) with
// an id ($2): type, id, name, relation, and whose or in which project it is. $3 is now.
type asking string

const (
	// holdRole are who has a custom role. An invitation's id is a secret.
	holdRole asking = `SELECT 'member', m.user_id, a.email, 'holds', m.user_id FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1 AND m.role = $2
		UNION ALL SELECT 'api_token', id, name, 'holds', created_by FROM api_token WHERE organization_id = $1 AND role = $2 AND $3 >= CAST(0 AS BIGINT)
		UNION ALL SELECT 'invitation', '', email, 'holds', inviter_id FROM invitation WHERE organization_id = $1 AND role = $2`
	// madeBy are what stands on a member's rights.
	madeBy asking = `SELECT 'api_token', id, name, 'made_by', created_by FROM api_token WHERE organization_id = $1 AND created_by = $2 AND (expires_at = 0 OR expires_at > $3)
		UNION ALL SELECT 'invitation', '', email, 'made_by', inviter_id FROM invitation WHERE organization_id = $1 AND inviter_id = $2 AND expires_at > $3`
	// inOrganization are what goes with an organization.
	inOrganization asking = `SELECT 'project', id, name, 'in', id FROM object WHERE organization_id = $1 AND kind = 'project' AND deleted_at = 0 AND $2 <> '' AND $3 >= CAST(0 AS BIGINT)
		UNION ALL SELECT 'member', m.user_id, a.email, 'in', m.user_id FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1
		UNION ALL SELECT 'api_token', id, name, 'in', created_by FROM api_token WHERE organization_id = $1
		UNION ALL SELECT 'invitation', '', email, 'in', inviter_id FROM invitation WHERE organization_id = $1
		UNION ALL SELECT 'role', id, name, 'in', '' FROM role WHERE organization_id = $1`
	// aroundObject are what lies in a thing, what uses it, and the roles with a level in it.
	aroundObject asking = `SELECT kind, id, name, 'in', project_id FROM object WHERE organization_id = $1 AND (project_id = $2 OR environment_id = $2) AND deleted_at = 0 AND $3 >= CAST(0 AS BIGINT)
		UNION ALL SELECT o.kind, o.id, o.name, 'uses', CASE WHEN o.kind = 'project' THEN o.id ELSE o.project_id END
			FROM object_reference r JOIN object o ON o.id = r.from_id WHERE r.organization_id = $1 AND r.to_id = $2 AND o.deleted_at = 0
		UNION ALL SELECT DISTINCT 'role', r.id, r.name, 'uses', '' FROM role_grant g JOIN role r ON r.id = g.role_id WHERE g.organization_id = $1 AND g.target_id = $2`
)

// asked says what refers to the target of an event; only of a thing that is there.
var asked = map[audit.Action]asking{
	audit.OrganizationDelete: inOrganization,
	audit.RoleUpdate:         holdRole,
	audit.RoleDelete:         holdRole,
	audit.MemberRole:         madeBy,
	audit.MemberRemove:       madeBy,
	audit.MemberLeave:        madeBy,
	audit.ProjectUpdate:      aroundObject,
	audit.ProjectDelete:      aroundObject,
}

// found is a reference with what decides who may see it.
type found struct {
	route.ForeseenReference
	place string
}

// references finds what refers to the targets of the events.
func (o *outlook) references(q store.Querier, notes []any) (route.ForeseenReferences, error) {
	answer := route.ForeseenReferences{Results: []route.ForeseenReference{}}
	for _, note := range notes {
		p, ok := note.(audit.Payload)
		if !ok {
			continue
		}
		question, ok := asked[p.Action]
		if !ok {
			continue
		}
		rights, err := authz.RightsIn(q, o.actor, id.Organization(p.Stream))
		if err != nil {
			return answer, err
		}
		all, err := store.All(q, string(question), func(s store.Scan) (f found, err error) {
			f.TargetID = p.Target.ID
			return f, s(&f.Type, &f.ID, &f.Name, &f.Relation, &f.place)
		}, p.Stream, p.Target.ID, o.now)
		if err != nil {
			return answer, err
		}
		slices.SortStableFunc(all, func(a, b found) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name)) })
		for _, f := range all {
			answer.Total++
			if len(answer.Results) < maxReferences && o.mayName(rights, f) {
				answer.Results = append(answer.Results, f.ForeseenReference)
			}
		}
	}
	return answer, nil
}

// mayName tells whether the caller sees a thing: their own, or with the right to.
func (o *outlook) mayName(rights authz.Rights, f found) bool {
	switch f.Type {
	case "member", "api_token", "invitation":
		need := map[string]authz.Permission{"member": authz.MemberRead, "api_token": authz.TokenRead, "invitation": authz.MemberInvite}[f.Type]
		return f.place == string(o.actor.User) || rights.Allow(need)
	case "role":
		return rights.Allow(authz.RoleRead)
	}
	return authz.Decide(rights, authz.ProjectRead, authz.Scope{Kind: authz.KindProject, Project: id.Object(f.place)}).Allowed
}

package access

import (
	"context"
	"fmt"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// maxRows bounds a review: what is longer nobody reviews.
const maxRows = 1_000_000

// Row is what somebody may do in one place.
type Row struct {
	Kind        string     `json:"kind" enum:"member,invitation,api_token" doc:"Who it is about."`
	ID          string     `json:"id" doc:"The user's or the token's id; empty for an invitation, whose id is a secret."`
	Name        string     `json:"name" doc:"The e-mail address, or the token's name."`
	Status      string     `json:"status" enum:"active,disabled,pending,expired,asleep" doc:"What keeps it from working now; active where nothing does. Disabled: the account is; pending: the rights come with the acceptance; asleep: the token's creator is no member."`
	Roles       []string   `json:"roles" doc:"The roles that decide together: an API token has its creator's and its own."`
	By          string     `json:"by" doc:"The e-mail address of who made the token or sent the invitation."`
	Since       time.Time  `json:"since" doc:"When they joined, were invited, or when the token was made."`
	ExpiresAt   *time.Time `json:"expires_at" nullable:"true" doc:"When it expires; null for never."`
	LastUsedAt  *time.Time `json:"last_used_at" nullable:"true" doc:"When they were last active, or the token last used; null for never."`
	Scope       authz.Kind `json:"scope" enum:"organization,project,cluster" doc:"The kind of place."`
	ScopeID     string     `json:"scope_id" doc:"The place's id."`
	ScopeName   string     `json:"scope_name" doc:"The place's name."`
	Permissions []string   `json:"permissions" doc:"What they may do there; a permission that holds for some types of environment only has them in brackets."`
}

// holder is anybody who has, had or will have rights: a row before its places.
type holder struct {
	Row
	held []authz.RoleName
	off  bool // holds nothing at present
}

const holders = `SELECT 'member', m.user_id, a.email, CASE WHEN a.disabled_at <> 0 THEN 'disabled' ELSE 'active' END, m.role, '', '', m.joined_at, 0, a.last_seen_at
	FROM member m JOIN account a ON a.id = m.user_id WHERE m.organization_id = $1
	UNION ALL
	SELECT 'invitation', '', i.email, CASE WHEN i.expires_at > $2 THEN 'pending' ELSE 'expired' END, i.role, '', a.email, i.created_at, i.expires_at, 0
	FROM invitation i JOIN account a ON a.id = i.inviter_id WHERE i.organization_id = $1
	UNION ALL
	SELECT 'api_token', t.id, t.name, CASE WHEN t.expires_at <> 0 AND t.expires_at <= $2 THEN 'expired' WHEN m.role IS NULL THEN 'asleep' ELSE 'active' END,
	COALESCE(m.role, ''), t.role, a.email, t.created_at, t.expires_at, t.last_used_at
	FROM api_token t JOIN account a ON a.id = t.created_by LEFT JOIN member m ON m.organization_id = t.organization_id AND m.user_id = t.created_by
	WHERE t.organization_id = $1`

func scanHolder(s store.Scan) (h holder, err error) {
	var first, second authz.RoleName
	var since, expires, used clock.Time
	if err = s(&h.Kind, &h.ID, &h.Name, &h.Status, &first, &second, &h.By, &since, &expires, &used); err != nil {
		return h, err
	}
	h.Since, h.ExpiresAt, h.LastUsedAt = since.Std(), expires.Pointer(), used.Pointer()
	h.off = h.Status == "expired" || h.Status == "asleep"
	for _, role := range []authz.RoleName{first, second} {
		if role != "" {
			h.held = append(h.held, role)
		}
	}
	return h, nil
}

// written are rights written out, once for all who hold the same roles.
type written struct {
	roles  []string
	places []authz.Place
	by     map[authz.Place][]string
}

func write(roles authz.Roles, held []authz.RoleName, off bool) written {
	w := written{roles: roles.Names(held...)}
	if !off {
		w.by = roles.Rights(held...).Effective()
		w.places = authz.Places(w.by)
	}
	return w
}

// Review hands out everybody's effective rights, a row for each place; somebody without
// rights has one row without permissions. That it was handed out is recorded first.
func (s *Service) Review(ctx context.Context, pass authz.Pass) (func(row func(Row) error) error, error) {
	if err := pass.For(authz.MemberManage); err != nil {
		return nil, err
	}
	if err := pass.Need(authz.RoleRead); err != nil {
		return nil, err
	}
	organization := pass.Organization()
	if err := s.each(ctx, organization, func(Row) error { return nil }, true); err != nil {
		return nil, err
	}
	err := store.Do(ctx, s.db, pass, func(tx *store.Tx) error {
		name, err := store.Value[string](tx, `SELECT name FROM organization WHERE id = $1`, organization)
		if err != nil {
			return err
		}
		return audit.Record(tx, string(organization), pass, audit.Entry{
			Action: audit.AccessReview, Target: audit.Reference{ID: string(organization), Name: name},
		})
	})
	return func(row func(Row) error) error { return s.each(ctx, organization, row, false) }, err
}

func (s *Service) each(ctx context.Context, organization id.Organization, row func(Row) error, count bool) error {
	return s.db.Snapshot(ctx, func(q store.Querier) error {
		roles, err := authz.RolesOf(q, organization)
		if err != nil {
			return err
		}
		names, err := placeNames(q, organization)
		if err != nil {
			return err
		}
		known, rows := map[string]written{}, 0
		return store.Each(q, holders, func(scan store.Scan) error {
			h, err := scanHolder(scan)
			if err != nil {
				return err
			}
			key := fmt.Sprint(h.held, h.off)
			w, ok := known[key]
			if !ok {
				w = write(roles, h.held, h.off)
				known[key] = w
			}
			if rows += max(1, len(w.places)); rows > maxRows {
				return fault.New(fault.LimitReached, "The review would have more than %d rows.", maxRows)
			}
			if count {
				return nil
			}
			h.Roles, h.Permissions = w.roles, []string{}
			if len(w.places) == 0 {
				h.Scope, h.ScopeID, h.ScopeName = authz.KindOrganization, string(organization), names[""]
				return row(h.Row)
			}
			for _, place := range w.places {
				h.Scope, h.ScopeID, h.ScopeName, h.Permissions = place.Kind, string(place.ID), names[place.ID], w.by[place]
				if place.ID == "" {
					h.ScopeID = string(organization)
				}
				if err := row(h.Row); err != nil {
					return err
				}
			}
			return nil
		}, organization, s.db.Now())
	})
}

// placeNames are the names of the organization's projects and clusters, and its own
// under the empty id.
func placeNames(q store.Querier, organization id.Organization) (map[id.Object]string, error) {
	names := map[id.Object]string{}
	return names, store.Each(q, `SELECT '', name FROM organization WHERE id = $1 UNION ALL
		SELECT id, name FROM object WHERE organization_id = $1 AND kind IN ('project', 'cluster')`, func(s store.Scan) error {
		var object id.Object
		var name string
		err := s(&object, &name)
		names[object] = name
		return err
	}, organization)
}

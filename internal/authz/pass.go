package authz

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Pass proves that an actor may do one thing in one scope. Services take it; only
// this package makes it. A Write checks it again inside its transaction.
type Pass struct {
	actor      authn.Actor
	permission Permission
	scope      Scope
	head       string
	rights     Rights
	// seen are the generations of rights on which the decision stood.
	seen   []store.Dependency
	beside any    // what was read along with the rights
	system string // the reason of a system pass
	// reverts is the event to whose outcome the holder goes back; 0 for anything else.
	reverts int64
}

// Actor is who holds the pass.
func (p Pass) Actor() authn.Actor { return p.actor }

// Scope is what the pass is about.
func (p Pass) Scope() Scope { return p.scope }

// Reverts is the number of the event to whose outcome the change goes back, or 0; the
// event of the change keeps it.
func (p Pass) Reverts() int64 { return p.reverts }

// Reverting gives the same pass for going back to the outcome of an event.
func (p Pass) Reverting(event int64) Pass {
	p.reverts = event
	return p
}

// Organization is the organization of the scope.
func (p Pass) Organization() id.Organization { return p.scope.Organization }

// Beside is what was read in the statement that read the rights, and the state of
// the organization's head in it; nil where the rights were in memory.
func (p Pass) Beside() (any, store.HeadState) {
	if p.beside == nil {
		return nil, store.HeadState{}
	}
	return p.beside, p.seen[0].At
}

// Alone is the pass without what was read beside the rights, for who must read anew.
func (p Pass) Alone() Pass {
	p.beside = nil
	return p
}

// Head is the head that a Write under this pass stands on.
func (p Pass) Head() string { return p.head }

// For says whether the pass was made for a permission; services ask it first, so
// that no caller reaches them with a pass for something else.
func (p Pass) For(permission Permission) error {
	if p.system != "" || (p.permission == permission && p.head != "") {
		return nil
	}
	return fmt.Errorf("authz: a pass for %q was shown where %q is needed", p.permission, permission)
}

// Also tells whether the holder has a further permission in the same scope.
func (p Pass) Also(permission Permission) bool {
	return p.system != "" || Decide(p.rights, permission, p.scope).Allowed
}

// Sees tells whether the holder sees a further thing of the same organization.
func (p Pass) Sees(s Scope) bool {
	return p.system != "" || (s.Organization == p.scope.Organization && Decide(p.rights, OrganizationView, s).Visible)
}

// AlsoFor is Also about another thing of the same organization, such as a row of a list.
func (p Pass) AlsoFor(permission Permission, s Scope) bool {
	return p.system != "" || (s.Organization == p.scope.Organization && Decide(p.rights, permission, s).Allowed)
}

// Operator refuses everybody but the server itself and its operator.
func (p Pass) Operator() error {
	if p.system != "" {
		return nil
	}
	return errors.New("authz: only the operator may do this")
}

// CanGrant tells whether the holder may hand out a role.
func (p Pass) CanGrant(role *Role) bool { return p.system != "" || p.rights.CanGrant(role) }

// Recheck decides again where rights have changed since the pass was made. The
// Write holds the organization's head by now, so the answer stays true until it commits.
func (p Pass) Recheck(tx *store.Tx) error {
	if p.head == "" {
		return errors.New("authz: an empty pass")
	}
	if p.system != "" {
		return nil
	}
	changed, err := p.outdated(tx)
	if err != nil || !changed {
		return err
	}
	if err := authn.StillValid(tx, p.actor); err != nil {
		return err
	}
	if p.scope.Organization == "" {
		return nil
	}
	rights, _, err := loadRights(tx, p.actor, p.scope.Organization)
	if err != nil {
		return err
	}
	if err := refusal(Decide(rights, p.permission, p.scope), p.scope); err != nil {
		return err
	}
	if !slices.EqualFunc(rights.roles, p.rights.roles, (*Role).same) {
		// The service may have asked the pass for more than its permission.
		return fault.New(fault.RightsChanged, "")
	}
	return nil
}

func (p Pass) outdated(tx *store.Tx) (bool, error) {
	for _, seen := range p.seen {
		at, ok := tx.HeadState(seen.Head)
		if !ok {
			var err error
			at.Rights, err = store.Value[int64](tx, `SELECT rights_seq FROM organization_head WHERE organization_id = $1`, seen.Head)
			if errors.Is(err, store.ErrNone) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
		}
		if at.Rights != seen.At.Rights {
			return true, nil
		}
	}
	return false, nil
}

// refusal is the error of a decision; nil when it allows. What is not visible does
// not exist; what is visible names the permission that is missing, and where the
// decision is explained.
func refusal(d Decision, s Scope) error {
	switch {
	case d.Allowed:
		return nil
	case !d.Visible:
		return fault.New(fault.NotFound, "")
	}
	e := fault.New(fault.Forbidden, "You need the permission %s here: %s.", d.Permission, d.Reason())
	e.Permission = string(d.Permission)
	question := url.Values{"permission": {e.Permission}}
	if s.Object != "" {
		question.Set("scope", string(s.Object))
	}
	e.Explanation = "/organization/" + string(s.Organization) + "/access/explain?" + question.Encode()
	return e
}

// System makes a pass for the server itself or its operator; the reason is for the reader of the log.
func System(reason string) Pass {
	return Pass{
		actor:  authn.Actor{Kind: authn.System, Name: reason, Client: authn.Client{Origin: "QOVERY_INTERNAL"}},
		system: reason, head: store.Server,
	}
}

// On moves a system pass onto an organization.
func (p Pass) On(organization id.Organization) Pass {
	if p.system != "" {
		p.head = string(organization)
		p.scope = Scope{Organization: organization, Kind: KindOrganization}
	}
	return p
}

// As lets a system pass act in the name of an account, on the account's head.
func (p Pass) As(account authn.Account) Pass {
	if p.system != "" {
		p.actor.Kind, p.actor.User, p.actor.Name = authn.Person, account.ID, account.Email
		p.head = string(account.ID)
	}
	return p
}

// Need is Also with the refusal.
func (p Pass) Need(permission Permission) error {
	if p.system != "" {
		return nil
	}
	return refusal(Decide(p.rights, permission, p.scope), p.scope)
}

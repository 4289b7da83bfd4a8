package route

import (
	"context"
	"regexp"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// Scope says how an operation finds what it is about.
type Scope func(ctx context.Context, r *Router, param func(string) string) (authz.Scope, error)

// AccountScope is for operations that need no organization.
func AccountScope(context.Context, *Router, func(string) string) (authz.Scope, error) {
	return authz.Scope{}, nil
}

// InOrganization is for operations on the organization that the path names.
func InOrganization(_ context.Context, _ *Router, param func(string) string) (authz.Scope, error) {
	organization, err := PathID[id.Organization]("organizationId", param("organizationId"))
	return authz.Scope{Organization: organization, Kind: authz.KindOrganization}, err
}

// OrganizationPath is the path of operations on an organization; inputs embed it.
type OrganizationPath struct {
	OrganizationID string `path:"organizationId" format:"uuid" doc:"The organization's id."`
}

// OfObject is for operations on one object of a kind, named by a path parameter.
func OfObject(parameter string, kind authz.Kind) Scope {
	return func(ctx context.Context, r *Router, param func(string) string) (authz.Scope, error) {
		object, err := PathID[id.Object](parameter, param(parameter))
		if err != nil {
			return authz.Scope{}, err
		}
		return r.resolve(ctx, kind, object)
	}
}

// OfObjectInOrganization is OfObject where the path also names the organization, which
// must be the object's.
func OfObjectInOrganization(parameter string, kind authz.Kind) Scope {
	of := OfObject(parameter, kind)
	return func(ctx context.Context, r *Router, param func(string) string) (authz.Scope, error) {
		organization, err := PathID[id.Organization]("organizationId", param("organizationId"))
		if err != nil {
			return authz.Scope{}, err
		}
		s, err := of(ctx, r, param)
		if err == nil && s.Organization != organization {
			return authz.Scope{}, fault.New(fault.NotFound, "")
		}
		return s, err
	}
}

// PathID reads an id from the path.
func PathID[T ~string](field, text string) (T, error) {
	parsed, ok := id.Parse[T](text)
	if !ok {
		checks := &fault.Checks{}
		checks.Add(field, "must be a UUID")
		return "", checks.Err()
	}
	return parsed, nil
}

var pathParameter = regexp.MustCompile(`\{([^}]+)\}`)

// PathParameters lists the parameters of a path.
func PathParameters(path string) []string {
	var names []string
	for _, match := range pathParameter.FindAllStringSubmatch(path, -1) {
		names = append(names, match[1])
	}
	return names
}

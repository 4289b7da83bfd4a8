package credential

import (
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

type onPremiseRequest struct {
	Name string `json:"name" doc:"1 to 128 characters."`
}

type onPremiseBody struct{}

// onPremise credentials are a name for clusters that somebody else installs.
var onPremise = cloud[onPremiseBody, onPremiseRequest]{
	Kind: described[onPremiseBody](authz.KindOnPremiseCredentials),
	Fill: func(checks *fault.Checks, q onPremiseRequest, o *object.Object[onPremiseBody]) {
		o.Name = route.CheckName(checks, "name", q.Name)
	},
	Show: func(o object.Object[onPremiseBody], _ int64) clusterCredentials { return shown(o, "OTHER") },
	Read: authz.CredentialRead, Edit: authz.CredentialEdit,
}

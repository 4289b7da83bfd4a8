package credential

import (
	"regexp"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/kind"
	"github.com/guildhall-dev/guildhall/internal/object"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// The types of AWS credentials, as requests name them.
const (
	awsStatic     = "AWS_STATIC"
	awsRole       = "AWS_ROLE"
	vsphereStatic = "EKS_ANYWHERE_VSPHERE_STATIC"
	vsphereRole   = "EKS_ANYWHERE_VSPHERE_ROLE"
)

const awsRules = "An access key (access_key_id, secret_access_key) or a role (role_arn); for EKS Anywhere on vSphere also vsphere_user and vsphere_password. An empty type is found out from what is sent."

// awsRequest is every type in one: existing clients send the type empty.
type awsRequest struct {
	Name            string `json:"name" doc:"1 to 128 characters."`
	Type            string `json:"type,omitempty" enum:",AWS_STATIC,AWS_ROLE,EKS_ANYWHERE_VSPHERE_STATIC,EKS_ANYWHERE_VSPHERE_ROLE" doc:"The type; found out where it is empty or left out."`
	AccessKeyID     string `json:"access_key_id,omitempty" doc:"The access key's id."`
	SecretAccessKey string `json:"secret_access_key,omitempty" writeOnly:"true" doc:"The access key's secret."`
	RoleARN         string `json:"role_arn,omitempty" doc:"The role to assume, in place of an access key."`
	VsphereUser     string `json:"vsphere_user,omitempty" doc:"The user of vSphere."`
	VspherePassword string `json:"vsphere_password,omitempty" writeOnly:"true" doc:"The user's password."`
}

type awsBody struct {
	Type        string `json:"type"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	RoleARN     string `json:"role_arn,omitempty"`
	VsphereUser string `json:"vsphere_user,omitempty"`
}

func (b awsBody) vsphere() bool { return b.Type == vsphereStatic || b.Type == vsphereRole }

func (b awsBody) static() bool { return b.Type == awsStatic || b.Type == vsphereStatic }

var aws = cloud[awsBody, awsRequest]{
	Kind: withSecrets(described[awsBody](authz.KindAWSCredentials), func(o object.Object[awsBody]) (list []object.Secret) {
		if o.Body.static() {
			list = append(list, object.Secret{Field: "secret_access_key", Needed: true})
		}
		if o.Body.vsphere() {
			list = append(list, object.Secret{Field: "vsphere_password", Needed: true})
		}
		return list
	}, func(o object.Object[awsBody]) string { return o.Body.AccessKeyID + "\n" + o.Body.VsphereUser }),
	Fill: fillAWS, Show: showAWS, Read: authz.CredentialRead, Edit: authz.CredentialEdit,
}

var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,576}$`)

func fillAWS(checks *fault.Checks, q awsRequest, o *object.Object[awsBody]) {
	o.Name = route.CheckName(checks, "name", q.Name)
	b := awsBody{Type: q.Type}
	if b.Type == "" {
		b.Type = guessAWS(q)
	}
	if b.static() {
		b.AccessKeyID = kind.Text(checks, "access_key_id", q.AccessKeyID)
		if q.RoleARN != "" {
			checks.Add("role_arn", "cannot go with an access key; send one of them, and the type that it belongs to")
		}
	} else if b.RoleARN = q.RoleARN; !roleARN.MatchString(q.RoleARN) {
		checks.Add("role_arn", "must be the ARN of a role, such as arn:aws:iam::123456789012:role/guildhall")
	}
	if b.vsphere() {
		b.VsphereUser = kind.Text(checks, "vsphere_user", q.VsphereUser)
	}
	o.Body = b
	o.Secrets = object.Secrets{
		"secret_access_key": kind.Hidden(checks, "secret_access_key", q.SecretAccessKey),
		"vsphere_password":  kind.Hidden(checks, "vsphere_password", q.VspherePassword),
	}
}

func guessAWS(q awsRequest) string {
	vsphere := q.VsphereUser != "" || q.VspherePassword != ""
	switch role := q.RoleARN != "" && q.AccessKeyID == ""; {
	case vsphere && role:
		return vsphereRole
	case vsphere:
		return vsphereStatic
	case role:
		return awsRole
	}
	return awsStatic
}

func showAWS(o object.Object[awsBody], _ int64) clusterCredentials {
	b := o.Body
	c := shown(o, "AWS")
	switch {
	case b.vsphere():
		c.ObjectType, c.VsphereUser = "EKS_ANYWHERE_VSPHERE", &b.VsphereUser
	case !b.static():
		c.ObjectType = "AWS_ROLE"
	}
	if b.static() {
		c.AccessKeyID = &b.AccessKeyID
	} else {
		c.RoleARN = &b.RoleARN
	}
	return c
}

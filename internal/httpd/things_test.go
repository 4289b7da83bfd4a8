package httpd_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/httpd"
	"github.com/guildhall-dev/guildhall/internal/id"
)

// What the exerciser knows of the kinds of things: how to make one, and what the
// fields of their bodies take.

type maker = func(t *testing.T, w *world, mode authz.Mode) string

func init() {
	maps.Copy(parameters, map[string]maker{
		"containerRegistryId": made("containerRegistry"), "helmRepositoryId": made("helmRepository"), "gitTokenId": made("gitToken"),
		"labelsGroupId": made("labelsGroups"), "annotationsGroupId": made("annotationsGroups"),
		"/aws/credentials": made("aws/credentials"), "/gcp/credentials": made("gcp/credentials"), "/azure/credentials": made("azure/credentials"),
		"/scaleway/credentials": made("scaleway/credentials"), "/onPremise/credentials": made("onPremise/credentials"),

		"region":                  func(*testing.T, *world, authz.Mode) string { return "eu-west-3" },
		"/gcp/instanceType":       func(*testing.T, *world, authz.Mode) string { return "europe-west9" },
		"/azure/aks/instanceType": func(*testing.T, *world, authz.Mode) string { return "francecentral" },
		"zone":                    func(*testing.T, *world, authz.Mode) string { return "fr-par-1" },
		"databaseType":            func(*testing.T, *world, authz.Mode) string { return "POSTGRESQL" },
	})
	for _, op := range httpd.Table() {
		if op.Permission == authz.CatalogueRead { // the same for everybody
			accountLevel[op.ID] = struct{ person, token int }{200, 200}
		}
	}
	maps.Copy(fields, map[string]func(*testing.T, *world) any{
		"createContainerRegistry.kind": always("GENERIC_CR"), "editContainerRegistry.kind": always("GENERIC_CR"),
		"createContainerRegistry.url": always("https://registry.example.com"), "editContainerRegistry.url": always("https://registry.example.com"),
		"createHelmRepository.kind": always("HTTPS"), "editHelmRepository.kind": always("HTTPS"),
		"createHelmRepository.url": always("https://charts.example.com"), "editHelmRepository.url": always("https://charts.example.com"),
		"config": always(map[string]any{"username": "jane", "password": "a password"}), "git_api_url": always("https://git.example.com/api"),
		"createGitToken.type": always("GITHUB"), "editGitToken.type": always("GITHUB"),
		"createGitToken.expired_at": always("2026-12-31"), "editGitToken.expired_at": always("2026-12-31"),
		"createAWSCredentials.type": always("EKS_ANYWHERE_VSPHERE_ROLE"), "editAWSCredentials.type": always("EKS_ANYWHERE_VSPHERE_ROLE"),
		"role_arn": always(roleARN), "gcp_credentials": always("e30="), "token": always("a token"), "credential_type": always("SERVICE_ACCOUNT_KEY"),
		"access_key_id": always("a key"), "secret_access_key": always("a secret"), "vsphere_user": always("jane"), "vsphere_password": always("a password"),
		"scaleway_secret_key": always("a secret"),
		"labels":              always([]any{map[string]any{"key": "team", "value": "a", "propagate_to_cloud_provider": true}}),
		"annotations":         always([]any{map[string]any{"key": "team", "value": "a"}}),
	})
}

// among finds the maker where a parameter's name means another thing on another path.
func among(path, name string) (maker, bool) {
	before, _, _ := strings.Cut(path, "/{"+name+"}")
	for place, special := range parameters {
		if strings.HasPrefix(place, "/") && strings.HasSuffix(before, place) {
			return special, true
		}
	}
	return nil, false
}

// things are enough to make one of each kind that needs no more than its body.
var things = map[string]map[string]any{
	"containerRegistry": {"kind": "PUBLIC_ECR", "config": map[string]any{}},
	"helmRepository":    {"kind": "OCI_PUBLIC_ECR", "config": map[string]any{}, "skip_tls_verification": false},
	"gitToken":          {"type": "GITHUB", "token": "a token"},
	"labelsGroups":      {"labels": []any{}}, "annotationsGroups": {"annotations": []any{}, "scopes": []any{}},
	"aws/credentials": {"role_arn": roleARN}, "azure/credentials": {"azure_tenant_id": "t", "azure_subscription_id": "s"},
	"gcp/credentials": {"gcp_credentials": "e30="}, "onPremise/credentials": {},
	"scaleway/credentials": {"scaleway_access_key": "a", "scaleway_secret_key": "s", "scaleway_project_id": "p", "scaleway_organization_id": "o"},
}

const roleARN = "arn:aws:iam::123456789012:role/guildhall"

// made makes such a thing.
func made(path string) func(t *testing.T, w *world, _ authz.Mode) string {
	return func(t *testing.T, w *world, _ authz.Mode) string {
		t.Helper()
		body := maps.Clone(things[path])
		body["name"] = w.fresh("thing")
		return w.owner.Post(t, "/organization/"+string(w.organization)+"/"+path, body).Must(t, 201).Text("id")
	}
}

func always(value any) func(*testing.T, *world) any {
	return func(*testing.T, *world) any { return value }
}

// outside are the ids that other systems gave.
var outside = map[string]bool{
	"access_key_id": true, "azure_tenant_id": true, "azure_subscription_id": true, "azure_application_id": true, "azure_application_object_id": true,
	"scaleway_project_id": true, "scaleway_organization_id": true,
}

// isID tells an id from the name of a region or a type.
func isID(text string) bool {
	_, ok := id.Parse[id.Object](text)
	return ok
}

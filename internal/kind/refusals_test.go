package kind_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

// refused are requests that no rule lets pass, with the field that is blamed.
var refused = []struct {
	path, field string
	sent        body
}{
	{"aws/credentials", "secret_access_key", body{"access_key_id": "A"}},
	{"aws/credentials", "access_key_id", body{"secret_access_key": "S"}},
	{"aws/credentials", "role_arn", body{"access_key_id": "A", "secret_access_key": "S", "role_arn": "arn:aws:iam::123456789012:role/a"}},
	{"aws/credentials", "role_arn", body{"role_arn": "guildhall"}},
	{"aws/credentials", "role_arn", body{"type": "AWS_ROLE", "access_key_id": "A", "secret_access_key": "S"}},
	{"aws/credentials", "vsphere_password", body{"vsphere_user": "jane", "role_arn": "arn:aws:iam::123456789012:role/a"}},
	{"aws/credentials", "vsphere_user", body{"vsphere_password": "P", "role_arn": "arn:aws:iam::123456789012:role/a"}},
	{"aws/credentials", "type", body{"type": "AWS", "access_key_id": "A", "secret_access_key": "S"}},
	{"aws/credentials", "secret_access_key", body{"access_key_id": "A", "secret_access_key": strings.Repeat("x", 33<<10)}},
	{"gcp/credentials", "gcp_credentials", body{}},
	{"gcp/credentials", "gcp_credentials", body{"gcp_credentials": `{"private_key":"not base64"}`}},
	{"gcp/credentials", "gcp_credentials", body{"gcp_credentials": "bm90IEpTT04="}},
	{"gcp/credentials", "gcp_credentials", body{"gcp_credentials": "e30=", "service_account_email": "a@b.iam.gserviceaccount.com"}},
	{"gcp/credentials", "service_account_email", body{"service_account_email": "jane@example.com", "workload_identity_provider_resource": pool}},
	{"gcp/credentials", "workload_identity_provider_resource", body{"credential_type": "WIF", "service_account_email": "a@b.iam.gserviceaccount.com"}},
	{"azure/credentials", "azure_tenant_id", body{"azure_tenant_id": " ", "azure_subscription_id": "s"}},
	{"scaleway/credentials", "scaleway_secret_key", body{"scaleway_access_key": "a", "scaleway_project_id": "p", "scaleway_organization_id": "o"}},
	{"scaleway/credentials", "scaleway_access_key", body{"scaleway_access_key": "a\nb", "scaleway_secret_key": "s", "scaleway_project_id": "p", "scaleway_organization_id": "o"}},

	{"containerRegistry", "kind", registry("QUAY", "https://quay.io")},
	{"containerRegistry", "url", registry("GENERIC_CR", "")},
	{"containerRegistry", "url", registry("GENERIC_CR", "http://registry.acme.example")},
	{"containerRegistry", "url", registry("GENERIC_CR", "https://jane:secret@registry.acme.example")},
	{"containerRegistry", "url", registry("GENERIC_CR", "https://registry.acme.example?x=1")},
	{"containerRegistry", "url", registry("DOCKER_HUB", "https://docker.example")},
	{"containerRegistry", "config.password", registry("DOCKER_HUB", "", "username", "acme")},
	{"containerRegistry", "config.username", registry("DOCKER_HUB", "", "password", "P")},
	{"containerRegistry", "config.region", registry("ECR", "https://ecr.example", "access_key_id", "A", "secret_access_key", "S")},
	{"containerRegistry", "config.access_key_id", registry("ECR", "https://ecr.example", "region", "r")},
	{"containerRegistry", "config.secret_access_key", registry("ECR", "https://ecr.example", "region", "r", "access_key_id", "A")},
	{"containerRegistry", "config.scaleway_secret_key", registry("SCALEWAY_CR", "https://scw.example", "region", "r", "scaleway_access_key", "A")},
	{"containerRegistry", "config.json_credentials", registry("GCP_ARTIFACT_REGISTRY", "https://gcp.example", "region", "r")},
	{"containerRegistry", "config.project_id", registry("GCP_ARTIFACT_REGISTRY", "https://gcp.example", "region", "r", "gcp_credentials_type", "workload_identity_federation", "service_account_email", "e", "workload_identity_provider_resource", "w")},
	{"containerRegistry", "config.azure_tenant_id", registry("AZURE_CR", "https://acme.azurecr.io", "azure_subscription_id", "s")},
	{"helmRepository", "url", helm("HTTPS", "oci://charts.acme.example")},
	{"helmRepository", "url", helm("OCI_GENERIC_CR", "https://charts.acme.example")},
	{"helmRepository", "url", helm("HTTPS", "https:///charts")},
	{"helmRepository", "body", registry("HTTPS", "https://charts.acme.example")},

	{"gitToken", "token", body{"type": "GITHUB"}},
	{"gitToken", "type", body{"type": "GITEA", "token": "T"}},
	{"gitToken", "workspace", body{"type": "BITBUCKET", "token": "T"}},
	{"gitToken", "git_api_url", body{"type": "GITLAB", "token": "T", "git_api_url": "git.acme.example"}},
	{"gitToken", "expired_at", body{"type": "GITHUB", "token": "T", "expired_at": "tomorrow"}},

	{"labelsGroups", "labels[0].key", labels("", "v")}, {"labelsGroups", "labels[0].key", labels("-a", "v")}, {"labelsGroups", "labels[0].key", labels(strings.Repeat("a", 64), "v")},
	{"labelsGroups", "labels[0].key", labels("a/b/c", "v")}, {"labelsGroups", "labels[0].key", labels("Acme.example/a", "v")}, {"labelsGroups", "labels[0].key", labels("/a", "v")},
	{"labelsGroups", "labels[0].key", labels("a/", "v")}, {"labelsGroups", "labels[0].key", labels("ä", "v")},
	{"labelsGroups", "labels[0].key", labels("kubernetes.io/name", "v")}, {"labelsGroups", "labels[0].key", labels("k8s.io/a", "v")}, {"labelsGroups", "labels[0].key", labels("aws-team", "v")},
	{"labelsGroups", "labels[0].key", labels("appId", "v")}, {"labelsGroups", "labels[0].key", labels("organization_id", "v")}, {"labelsGroups", "labels[0].key", labels("my.qovery.com/a", "v")},
	{"labelsGroups", "labels[0].value", labels("a", "a b")}, {"labelsGroups", "labels[0].value", labels("a", strings.Repeat("a", 64))}, {"labelsGroups", "labels[0].value", labels("a", "-")},
	{"labelsGroups", "labels[1].key", labels("a", "1", "a", "2")}, {"labelsGroups", "labels", labels(strings.Split(strings.Repeat("a,", 202), ",")...)},
	{"annotationsGroups", "annotations[0].key", annotations("meta.helm.sh/release-name", "v", "PODS")}, {"annotationsGroups", "annotations[0].key", annotations("checksum/config", "v", "PODS")},
	{"annotationsGroups", "annotations[0].key", annotations("appCommitId", "v", "PODS")}, {"annotationsGroups", "annotations", annotations("a", strings.Repeat("x", 64<<10+1), "PODS")},
	{"annotationsGroups", "scopes[1]", annotations("a", "v", "PODS", "PODS")}, {"annotationsGroups", "scopes[0]", annotations("a", "v", "NODES")},
}

func labels(pairs ...string) body {
	list := []any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, body{"key": pairs[i], "value": pairs[i+1], "propagate_to_cloud_provider": false})
	}
	return body{"labels": list}
}

func annotations(key, value string, scopes ...any) body {
	return body{"annotations": []any{body{"key": key, "value": value}}, "scopes": scopes}
}

func TestRefusals(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		at := "/organization/" + string(jane.Organization(t, "Acme")) + "/"
		for i, c := range refused {
			sent := clone(c.sent)
			sent["name"] = fmt.Sprint("Thing ", i)
			r := jane.Post(t, at+c.path, sent)
			if r.Status != 400 || r.Text("errors.0.field") != c.field {
				t.Errorf("%s of %.200v: %d, want %s blamed: %s", c.path, sent, r.Status, c.field, r.Body)
			}
			sent["name"], sent["config"] = "", body{}
			jane.Post(t, at+c.path, sent).Must(t, 400)
		}
		for name, group := range map[string]body{
			"usual": labels("service.beta.kubernetes.io/load-balancer", "v", "a_b.c-D", "", strings.Repeat("a", 63), strings.Repeat("b", 63)), "none": labels(),
		} {
			group["name"] = name
			jane.Post(t, at+"labelsGroups", group).Must(t, 201)
		}
		for _, l := range kinds {
			if n := len(jane.Get(t, at+l.path).Must(t, 200).List("results")); n > 0 && l.path != "labelsGroups" {
				t.Errorf("%s: a refusal left %d things", l.path, n)
			}
		}
		s.Verify(t)
	})
}

// TestKeptSecretsStayWhereTheyBelong: who may edit an address, and does not know the
// secret, must not be able to have it sent somewhere else.
func TestKeptSecretsStayWhereTheyBelong(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		at := "/organization/" + string(jane.Organization(t, "Acme")) + "/"
		with := func(b body, field string, value any) body {
			b = clone(b)
			b["name"] = "Thing"
			to := b
			if first, rest, below := strings.Cut(field, "."); below {
				to, field = b[first].(body), rest
			}
			to[field] = value
			return b
		}
		for _, c := range []struct {
			path, secret, field string
			sent                body
			other               any
		}{
			{"containerRegistry", "config.password", "url", registry("GENERIC_CR", "https://registry.acme.example", "username", "acme"), "https://registry.eve.example"},
			{"containerRegistry", "config.password", "config.username", registry("GENERIC_CR", "https://registry.acme.example", "username", "acme"), "eve"},
			{"containerRegistry", "config.secret_access_key", "config.access_key_id", registry("ECR", "https://ecr.example", "region", "r", "access_key_id", "A"), "B"},
			{"helmRepository", "config.password", "skip_tls_verification", helm("HTTPS", "https://charts.acme.example", "username", "acme"), true},
			{"gitToken", "token", "git_api_url", body{"type": "GITLAB", "git_api_url": "https://git.acme.example"}, "https://git.eve.example"},
			{"aws/credentials", "secret_access_key", "access_key_id", body{"access_key_id": "A"}, "B"},
		} {
			made := jane.Post(t, at+c.path, with(c.sent, c.secret, "S")).Must(t, 201)
			path := at + c.path + "/" + made.Text("id")
			if field := jane.Put(t, path, with(c.sent, c.field, c.other)).Refused(t, 400, "invalid_request").Text("errors.0.field"); field != c.secret {
				t.Errorf("another %s: %q is blamed, want %q", c.field, field, c.secret)
			}
			jane.Put(t, path, with(with(c.sent, c.secret, "S"), c.field, c.other)).Must(t, 200)
			jane.Delete(t, path).Must(t, 204)
		}

		// What has no place for a secret any more forgets it.
		made := jane.Post(t, at+"containerRegistry", with(registry("GENERIC_CR", "https://registry.acme.example", "username", "acme"), "config.password", "S")).Must(t, 201)
		jane.Put(t, at+"containerRegistry/"+made.Text("id"), with(registry("GENERIC_CR", "https://registry.acme.example"), "name", "Thing")).Must(t, 200)
		if text := sealedText(t, s, made.Text("id")); text != "" {
			t.Errorf("a registry for anybody keeps %s", text)
		}
		s.Verify(t)
	})
}

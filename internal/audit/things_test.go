package audit_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/audit"
)

// settings are the things that an organization holds beside its projects, one of each
// kind, made, edited with another secret where it has one, deleted and restored.
var settings = concat(
	thing("/aws/credentials", "Cloud", map[string]any{"access_key_id": "AKIA"}, "secret_access_key", "", audit.CredentialCreate, audit.CredentialUpdate, audit.CredentialDelete, audit.CredentialRestore),
	thing("/containerRegistry", "Images", map[string]any{"kind": "DOCKER_HUB"}, "config.password", "username",
		audit.ContainerRegistryCreate, audit.ContainerRegistryUpdate, audit.ContainerRegistryDelete, audit.ContainerRegistryRestore),
	thing("/helmRepository", "Charts", map[string]any{"kind": "HTTPS", "url": "https://charts.example.com", "skip_tls_verification": false}, "config.password", "username",
		audit.HelmRepositoryCreate, audit.HelmRepositoryUpdate, audit.HelmRepositoryDelete, audit.HelmRepositoryRestore),
	thing("/gitToken", "Code", map[string]any{"type": "GITHUB"}, "token", "", audit.GitTokenCreate, audit.GitTokenUpdate, audit.GitTokenDelete, audit.GitTokenRestore),
	thing("/labelsGroups", "Labels", map[string]any{"labels": []any{}}, "", "", audit.LabelsGroupCreate, audit.LabelsGroupUpdate, audit.LabelsGroupDelete, audit.LabelsGroupRestore),
	thing("/annotationsGroups", "Annotations", map[string]any{"annotations": []any{}, "scopes": []any{}}, "", "",
		audit.AnnotationsGroupCreate, audit.AnnotationsGroupUpdate, audit.AnnotationsGroupDelete, audit.AnnotationsGroupRestore),
)

func concat(lists ...[]step) (all []step) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// thing is the life of one: secret names its secret, which lies in config where there
// is a user beside it.
func thing(path, name string, body map[string]any, secret, user string, create, update, remove, restore audit.Action) []step {
	send := func(w *world, name, value string) map[string]any {
		b := maps.Clone(body)
		b["name"] = name
		if secret == "" {
			return b
		}
		w.secrets = append(w.secrets, value)
		if user == "" {
			b[secret] = value
		} else {
			b["config"] = map[string]any{user: "jane", "password": value}
		}
		return b
	}
	masked := func(t *testing.T, document []byte, as string) []byte {
		t.Helper()
		if secret == "" {
			return document
		}
		var fields map[string]any
		if err := json.Unmarshal(document, &fields); err != nil {
			t.Fatal(err)
		}
		fields[secret] = as
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var at string
	var last []byte
	recorded := func(w *world, id, name string) change {
		return change{stream: string(w.organization), actor: person(w.jane), client: client(terraform, "TERRAFORM_PROVIDER"), target: audit.Reference{ID: id, Name: name}}
	}
	id := func(path string) string { return path[len(path)-36:] }
	return []step{
		{create, func(t *testing.T, w *world) change {
			r := with(w.jane, terraform).Post(t, w.path(path), send(w, name, "the secret of "+path)).Must(t, 201)
			at, last = w.path(path)+"/"+r.Text("id"), r.Body
			c := recorded(w, r.Text("id"), name)
			c.after = masked(t, r.Body, "***")
			return c
		}},
		{update, func(t *testing.T, w *world) change {
			r := with(w.jane, terraform).Put(t, at, send(w, name+" two", "another secret of "+path)).Must(t, 200)
			c := recorded(w, id(at), name+" two")
			c.before, c.after, c.changed = masked(t, last, "***"), masked(t, r.Body, "*** (new)"), []string{"name"}
			last = r.Body
			if secret != "" && secret < "name" {
				c.changed = []string{secret, "name"}
			} else if secret != "" {
				c.changed = append(c.changed, secret)
			}
			if path != "/aws/credentials" { // which do not say when they were changed
				c.changed = append(c.changed, "updated_at")
			}
			return c
		}},
		{remove, func(t *testing.T, w *world) change {
			with(w.jane, terraform).Delete(t, at).Must(t, 204)
			c := recorded(w, id(at), name+" two")
			c.before = masked(t, last, "***")
			return c
		}},
		{restore, func(t *testing.T, w *world) change {
			with(w.jane, terraform).Post(t, w.path("/deleted/"+id(at)+"/restore"), map[string]any{}).Must(t, 200)
			c := recorded(w, id(at), name+" two")
			c.after = masked(t, last, "***")
			return c
		}},
	}
}

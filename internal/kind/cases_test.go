package kind_test

import "encoding/base64"

// kinds are the things that an organization holds, a line each; what a kind does with
// them is asked of all alike. A new kind adds its line here.
var kinds = []lived{
	{"AWS access key", "aws/credentials", body{"type": "", "access_key_id": "AKIAEXAMPLE"}, body{"secret_access_key": hidden("aws")}, body{"object_type": "AWS"}},
	{"AWS role", "aws/credentials", body{"type": "", "role_arn": "arn:aws:iam::123456789012:role/guildhall"}, nil, body{"object_type": "AWS_ROLE"}},
	{"vSphere with a key", "aws/credentials", body{"type": "EKS_ANYWHERE_VSPHERE_STATIC", "vsphere_user": "jane", "access_key_id": "AKIAVSPHERE"},
		body{"vsphere_password": hidden("vsphere"), "secret_access_key": hidden("vsphere key")}, body{"object_type": "EKS_ANYWHERE_VSPHERE"}},
	{"vSphere with a role", "aws/credentials", body{"vsphere_user": "jane", "role_arn": "arn:aws-cn:iam::123456789012:role/a/b"},
		body{"vsphere_password": hidden("vsphere role")}, body{"object_type": "EKS_ANYWHERE_VSPHERE"}},
	{"GCP key", "gcp/credentials", body{}, body{"gcp_credentials": base64.StdEncoding.EncodeToString([]byte(`{"private_key":"gcp hidden value"}`))}, body{"object_type": "GCP"}},
	{"GCP workload identities", "gcp/credentials", body{"service_account_email": "guildhall@acme-1.iam.gserviceaccount.com", "workload_identity_provider_resource": pool}, nil,
		body{"object_type": "GCP_WORKLOAD_IDENTITY_FEDERATION", "project_id": "acme-1", "token_lifetime_seconds": 3600.0}},
	{"Azure", "azure/credentials", body{"azure_tenant_id": "tenant", "azure_subscription_id": "subscription"}, nil, body{"object_type": "AZURE", "azure_application_id": ""}},
	{"Scaleway", "scaleway/credentials", body{"scaleway_access_key": "SCWEXAMPLE", "scaleway_project_id": "p", "scaleway_organization_id": "o"},
		body{"scaleway_secret_key": hidden("scaleway")}, body{"object_type": "SCW"}},
	{"on premise", "onPremise/credentials", body{}, nil, body{"object_type": "OTHER"}},

	{"ECR by key", "containerRegistry", registry("ECR", "https://1.dkr.ecr.eu-west-3.amazonaws.com", "region", "eu-west-3", "access_key_id", "AKIAECR"), body{"config.secret_access_key": hidden("ecr")}, nil},
	{"ECR by role", "containerRegistry", registry("ECR", "https://2.dkr.ecr.eu-west-3.amazonaws.com", "region", "eu-west-3", "role_arn", "arn:aws:iam::123456789012:role/ecr"), nil, nil},
	{"Scaleway registry", "containerRegistry", registry("SCALEWAY_CR", "https://rg.fr-par.scw.cloud/acme", "region", "fr-par", "scaleway_access_key", "SCWKEY", "scaleway_project_id", "p"),
		body{"config.scaleway_secret_key": hidden("scaleway registry")}, nil},
	{"Docker Hub", "containerRegistry", registry("DOCKER_HUB", "", "username", "acme"), body{"config.password": hidden("docker hub")}, body{"url": "https://docker.io"}},
	{"GitHub registry", "containerRegistry", registry("GITHUB_CR", "https://ghcr.io", "username", "acme"), body{"config.password": hidden("github registry")}, nil},
	{"GitHub Enterprise registry", "containerRegistry", registry("GITHUB_ENTERPRISE_CR", "https://containers.acme.example", "username", "acme"), body{"config.password": hidden("github enterprise")}, nil},
	{"GitLab registry", "containerRegistry", registry("GITLAB_CR", "", "username", "acme"), body{"config.password": hidden("gitlab registry")}, body{"url": "https://registry.gitlab.com"}},
	{"public ECR", "containerRegistry", registry("PUBLIC_ECR", ""), nil, body{"url": "https://public.ecr.aws"}},
	{"DigitalOcean", "containerRegistry", registry("DOCR", "https://registry.digitalocean.com", "username", "acme"), body{"config.password": hidden("digitalocean")}, nil},
	{"generic registry", "containerRegistry", registry("GENERIC_CR", "https://registry.acme.example:5000", "username", "acme"), body{"config.password": hidden("generic registry")}, nil},
	{"generic registry for anybody", "containerRegistry", registry("GENERIC_CR", "https://open.acme.example"), nil, nil},
	{"Google registry by key", "containerRegistry", registry("GCP_ARTIFACT_REGISTRY", "https://europe-docker.pkg.dev", "region", "europe"), body{"config.json_credentials": hidden("artifact registry")}, nil},
	{"Google registry by workload identities", "containerRegistry", registry("GCP_ARTIFACT_REGISTRY", "https://us-docker.pkg.dev", "region", "us", "gcp_credentials_type", "workload_identity_federation",
		"project_id", "acme-1", "service_account_email", "guildhall@acme-1.iam.gserviceaccount.com", "workload_identity_provider_resource", pool), nil, nil},
	{"Azure registry", "containerRegistry", registry("AZURE_CR", "https://acme.azurecr.io", "azure_tenant_id", "t", "azure_subscription_id", "s"), nil, nil},

	{"charts over HTTPS", "helmRepository", helm("HTTPS", "https://charts.acme.example", "username", "acme"), body{"config.password": hidden("charts")}, nil},
	{"charts for anybody", "helmRepository", helm("HTTPS", "https://open.acme.example/charts"), nil, nil},
	{"charts in ECR", "helmRepository", helm("OCI_ECR", "oci://1.dkr.ecr.eu-west-3.amazonaws.com", "region", "eu-west-3", "access_key_id", "AKIAHELM"), body{"config.secret_access_key": hidden("helm ecr")}, nil},
	{"charts in Scaleway", "helmRepository", helm("OCI_SCALEWAY_CR", "oci://rg.fr-par.scw.cloud/acme", "region", "fr-par", "scaleway_access_key", "SCWHELM"), body{"config.scaleway_secret_key": hidden("helm scaleway")}, nil},
	{"charts in Docker Hub", "helmRepository", helm("OCI_DOCKER_HUB", "", "username", "acme"), body{"config.password": hidden("helm hub")}, body{"url": "oci://registry-1.docker.io"}},
	{"charts in public ECR", "helmRepository", helm("OCI_PUBLIC_ECR", ""), nil, body{"url": "oci://public.ecr.aws"}},
	{"charts in a generic registry", "helmRepository", helm("OCI_GENERIC_CR", "oci://registry.acme.example", "username", "acme"), body{"config.password": hidden("helm generic")}, nil},
	{"charts in GitHub", "helmRepository", helm("OCI_GITHUB_CR", "", "username", "acme"), body{"config.password": hidden("helm github")}, nil},
	{"charts in GitLab", "helmRepository", helm("OCI_GITLAB_CR", "", "username", "acme"), body{"config.password": hidden("helm gitlab")}, nil},

	{"GitHub", "gitToken", body{"type": "GITHUB", "description": "For builds", "expired_at": "2026-12-31"}, body{"token": hidden("github")}, body{"git_api_url": "https://api.github.com"}},
	{"GitLab", "gitToken", body{"type": "GITLAB", "git_api_url": "https://git.acme.example/api/v4"}, body{"token": hidden("gitlab")}, nil},
	{"Bitbucket", "gitToken", body{"type": "BITBUCKET", "workspace": "acme"}, body{"token": hidden("bitbucket")}, nil},

	{"labels", "labelsGroups", body{"labels": []any{body{"key": "acme.example/team", "value": "shop", "propagate_to_cloud_provider": true}}}, nil, body{"associated_items_count": 0.0}},
	{"annotations", "annotationsGroups", body{"annotations": []any{body{"key": "acme.example/note", "value": "<any> text & more"}}, "scopes": []any{"PODS", "JOBS"}}, nil, body{"associated_items_count": 0.0}},
}

const pool = "projects/123456789/locations/global/workloadIdentityPools/pool/providers/guildhall"

// hidden is a secret that can be looked for.
func hidden(of string) string { return "hidden value of " + of }

func registry(kind, url string, config ...string) body {
	of := body{}
	for i := 0; i < len(config); i += 2 {
		of[config[i]] = config[i+1]
	}
	b := body{"kind": kind, "description": "Of a test", "config": of}
	if url != "" {
		b["url"] = url
	}
	return b
}

func helm(kind, url string, config ...string) body {
	b := registry(kind, url, config...)
	b["skip_tls_verification"] = false
	return b
}

// Drives a running server through the public TypeScript SDK, as a console or a
// script would: a story in which every operation that we serve is called.
// URL, SCHEME (Bearer or Token), JANE and JOE (access tokens) come from the environment.
import {
  AccountInfoApi,
  CloudProviderApi,
  CloudProviderCredentialsApi,
  Configuration,
  ContainerRegistriesApi,
  ContainerRegistryKindEnum,
  EnvironmentModeEnum,
  GitProviderEnum,
  HelmRepositoriesApi,
  HelmRepositoryKindEnum,
  InviteMemberRoleEnum,
  MembersApi,
  OrganizationAccountGitRepositoriesApi,
  OrganizationAnnotationsGroupApi,
  OrganizationAnnotationsGroupScopeEnum,
  OrganizationApiTokenApi,
  OrganizationCustomRoleApi,
  OrganizationCustomRoleProjectPermission,
  OrganizationEventApi,
  OrganizationEventOrigin,
  OrganizationEventTargetType,
  OrganizationEventType,
  OrganizationLabelsGroupApi,
  OrganizationMainCallsApi,
  OrganizationOnboardingStatusEnum,
  PlanEnum,
  ProjectMainCallsApi,
  ProjectsApi,
  TypeOfUseEnum,
  UserSignUpApi,
} from "qovery-typescript-axios";
import { refused, watch } from "./watch.js";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const scheme = setting("SCHEME");

/** as gives the APIs with a credential, under the scheme that is tested. */
function as(credential: string) {
  const who = new Configuration({
    basePath: setting("URL"),
    ...(scheme === "Bearer" ? { accessToken: credential } : { apiKey: `${scheme} ${credential}` }),
  });
  return {
    account: watch(new AccountInfoApi(who)),
    signUp: watch(new UserSignUpApi(who)),
    organizations: watch(new OrganizationMainCallsApi(who)),
    projects: watch(new ProjectsApi(who)),
    project: watch(new ProjectMainCallsApi(who)),
    tokens: watch(new OrganizationApiTokenApi(who)),
    roles: watch(new OrganizationCustomRoleApi(who)),
    members: watch(new MembersApi(who)),
    events: watch(new OrganizationEventApi(who)),
    clouds: watch(new CloudProviderApi(who)),
    credentials: watch(new CloudProviderCredentialsApi(who)),
    registries: watch(new ContainerRegistriesApi(who)),
    charts: watch(new HelmRepositoriesApi(who)),
    git: watch(new OrganizationAccountGitRepositoriesApi(who)),
    labels: watch(new OrganizationLabelsGroupApi(who)),
    annotations: watch(new OrganizationAnnotationsGroupApi(who)),
  };
}

function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

const jane = as(setting("JANE"));
const joe = as(setting("JOE"));
const nowhere = "00000000-0000-4000-8000-000000000000";

// People.
const janeId = must((await jane.account.getAccountInformation()).data.id, "id of Jane");
await jane.account.editAccountInformation({ communication_email: "jane.away@example.com" });
await jane.signUp.createUserSignUp({
  first_name: "Jane",
  last_name: "Roe",
  user_email: "jane@example.com",
  type_of_use: TypeOfUseEnum.WORK,
  qovery_usage: "tests",
  company_name: null,
});
await jane.signUp.getUserSignUp();
const joeId = must((await joe.account.getAccountInformation()).data.id, "id of Joe");

// An organization.
const acme = (
  await jane.organizations.createOrganization({
    name: `Acme by ${scheme}`,
    plan: PlanEnum.ENTERPRISE_2025,
    description: "We build things",
    website_url: "https://acme.example.com",
    repository: null,
    logo_url: "https://acme.example.com/logo.png",
    icon_url: "https://acme.example.com/icon.png",
    admin_emails: ["ops@example.com"],
  })
).data;
await jane.organizations.listOrganization();
await jane.organizations.editOrganization(acme.id, { name: acme.name, description: "We build more", admin_emails: null });
await jane.organizations.getOrganization(acme.id);
await jane.organizations.updateOrganizationOnboarding(acme.id, { status: OrganizationOnboardingStatusEnum.COMPLETED });
await jane.organizations.getOrganizationOnboarding(acme.id);

// Projects.
const web = (await jane.projects.createProject(acme.id, { name: "Web", description: "The site" })).data;
await jane.project.editProject(web.id, { name: "Website" });
await jane.project.getProject(web.id);
await jane.projects.listProject(acme.id);
await jane.projects.getOrganizationProjectStats(acme.id);

// Roles.
const role = (await jane.roles.createOrganizationCustomRole(acme.id, { name: "Deployer", description: "Deploys the site" })).data;
const roleId = must(role.id, "id of the role");
await jane.roles.editOrganizationCustomRole(acme.id, roleId, {
  name: "Deployer of the site",
  cluster_permissions: [],
  project_permissions: [
    {
      project_id: web.id,
      is_admin: false,
      permissions: Object.values(EnvironmentModeEnum).map((mode) => ({ environment_type: mode, permission: OrganizationCustomRoleProjectPermission.DEPLOYER })),
    },
  ],
});
// Who changes a part of a role reads it and sends all of it back.
const whole = (await jane.roles.getOrganizationCustomRole(acme.id, roleId)).data;
await jane.roles.editOrganizationCustomRole(acme.id, roleId, {
  name: "Deployer of the site",
  description: must(whole.description, "description of the role"),
  cluster_permissions: whole.cluster_permissions ?? [],
  project_permissions: whole.project_permissions ?? [],
});
await jane.roles.listOrganizationCustomRoles(acme.id);
const available = (await jane.organizations.listOrganizationAvailableRoles(acme.id)).data.results ?? [];
const roleNamed = (name: string) => must(available.find((r) => r.name?.toUpperCase() === name)?.id, `role ${name}`);

// An API token, for a program.
const token = (await jane.tokens.createOrganizationApiToken(acme.id, { name: "Robot", role_id: roleNamed("ADMIN") })).data;
const tokenId = must(token.id, "id of the token");
const robot = as(must(token.token, "secret of the token"));
await jane.tokens.listOrganizationApiTokens(acme.id);
await robot.organizations.listOrganization();
await robot.organizations.getOrganization(acme.id);
const api = (await robot.projects.createProject(acme.id, { name: "API" })).data;
await robot.projects.listProject(acme.id);
await refused(403, () => robot.account.getAccountInformation());

// What the Terraform provider does with such a token: read, make, give away, take back.
await robot.organizations.editOrganization(acme.id, { name: acme.name, description: "Kept by a program" });
const made = (await robot.roles.createOrganizationCustomRole(acme.id, { name: "Made by a program", description: "" })).data;
const madeId = must(made.id, "id of the role");
await robot.roles.getOrganizationCustomRole(acme.id, madeId);
const pending = (await robot.members.postInviteMember(acme.id, { email: "kim@example.com", role_id: madeId })).data;
await robot.members.getOrganizationInvitedMembers(acme.id);
await robot.members.getOrganizationMembers(acme.id);
const other = (await robot.tokens.createOrganizationApiToken(acme.id, { name: "Pipeline", description: "", role_id: madeId })).data;
await robot.tokens.listOrganizationApiTokens(acme.id);
await robot.tokens.deleteOrganizationApiToken(acme.id, must(other.id, "id of the token"));
await robot.members.deleteInviteMember(acme.id, pending.id);
await robot.roles.deleteOrganizationCustomRole(acme.id, madeId);

// Members.
await refused(404, () => joe.organizations.getOrganization(acme.id));
const first = (await jane.members.postInviteMember(acme.id, { email: "sam@example.com", role: InviteMemberRoleEnum.ADMIN })).data;
await jane.members.deleteInviteMember(acme.id, first.id);
const second = (await jane.members.postInviteMember(acme.id, { email: "joe@example.com", role_id: roleId })).data;
await jane.members.getOrganizationInvitedMembers(acme.id);
await joe.members.getMemberInvitation(acme.id, second.id);
await joe.members.postAcceptInviteMember(acme.id, second.id);
await jane.members.getOrganizationMembers(acme.id);
await refused(403, () => joe.projects.createProject(acme.id, { name: "Mine" }));
await jane.members.editOrganizationMemberRole(acme.id, { user_id: joeId, role_id: roleNamed("ADMIN") });

// What clouds there are.
await jane.clouds.listCloudProvider();
await jane.clouds.listAWSRegions();
await jane.clouds.listAWSFeatures();
await jane.clouds.listAWSInstanceType();
await jane.clouds.listAWSEKSInstanceType("eu-west-3", true, false, "EXCLUDE");
await jane.clouds.listAWSManagedDatabaseType();
await jane.clouds.listAWSManagedDatabaseInstanceType("eu-west-3", "POSTGRESQL");
await jane.clouds.listScalewayRegions();
await jane.clouds.listScalewayFeatures();
await jane.clouds.listScalewayInstanceType();
await jane.clouds.listScalewayKapsuleInstanceType("fr-par-1");
await jane.clouds.listSCWManagedDatabaseType();
await jane.clouds.listGcpRegions();
await jane.clouds.listGcpFeatures();
await jane.clouds.listGcpGkeInstanceType("europe-west9");
await jane.clouds.listAzureRegions();
await jane.clouds.listAzureFeatures();
await jane.clouds.listAzureAKSInstanceType("francecentral", true, false, "ONLY");
await refused(404, () => jane.clouds.listGcpGkeInstanceType("nowhere"));

// Credentials of clouds, of the types that an older SDK knows too.
const awsKey = (await jane.credentials.createAWSCredentials(acme.id, { type: "AWS_STATIC", name: "AWS", access_key_id: "AKIA", secret_access_key: "a secret" })).data;
await jane.credentials.editAWSCredentials(acme.id, awsKey.id, { type: "AWS_ROLE", name: "AWS by role", role_arn: "arn:aws:iam::123456789012:role/guildhall" });
await jane.credentials.getAWSCredentials(acme.id, awsKey.id);
await jane.credentials.listAWSCredentials(acme.id);
const scaleway = { scaleway_access_key: "SCW", scaleway_secret_key: "a secret", scaleway_project_id: "project", scaleway_organization_id: "organization" };
const scw = (await jane.credentials.createScalewayCredentials(acme.id, { name: "Scaleway", ...scaleway })).data;
await jane.credentials.editScalewayCredentials(acme.id, scw.id, { name: "Scaleway two", ...scaleway });
await jane.credentials.getScalewayCredentials(acme.id, scw.id);
await jane.credentials.listScalewayCredentials(acme.id);
const gcp = (await jane.credentials.createGcpCredentials(acme.id, { name: "GCP", gcp_credentials: "e30=" })).data;
await jane.credentials.editGcpCredentials(acme.id, gcp.id, { name: "GCP two", gcp_credentials: "e30=" });
await jane.credentials.getGcpCredentials(acme.id, gcp.id);
await jane.credentials.listGcpCredentials(acme.id);
const azure = (await jane.credentials.createAzureCredentials(acme.id, { name: "Azure", azure_tenant_id: "tenant", azure_subscription_id: "subscription" })).data;
await jane.credentials.editAzureCredentials(acme.id, azure.id, { name: "Azure two", azure_tenant_id: "tenant", azure_subscription_id: "subscription" });
await jane.credentials.getAzureCredentials(acme.id, azure.id);
await jane.credentials.listAzureCredentials(acme.id);
const cellar = (await jane.credentials.createOnPremiseCredentials(acme.id, { name: "Cellar" })).data;
await jane.credentials.editOnPremiseCredentials(acme.id, cellar.id, { name: "Attic" });
await jane.credentials.getOnPremiseCredentials(acme.id, cellar.id);
await jane.credentials.listOnPremiseCredentials(acme.id);
await jane.organizations.listOrganizationCredentials(acme.id);
// The SDK takes the two ids of most deletions the other way round.
await jane.credentials.deleteAWSCredentials(awsKey.id, acme.id);
await jane.credentials.deleteScalewayCredentials(scw.id, acme.id);
await jane.credentials.deleteGcpCredentials(gcp.id, acme.id);
await jane.credentials.deleteAzureCredentials(acme.id, azure.id);
await jane.credentials.deleteOnPremiseCredentials(cellar.id, acme.id);
await refused(404, () => jane.credentials.getAWSCredentials(acme.id, awsKey.id));

// Registries and repositories.
await jane.registries.listAvailableContainerRegistry();
const hub = { kind: ContainerRegistryKindEnum.DOCKER_HUB, config: { username: "acme", password: "a password" } };
const registry = (await jane.registries.createContainerRegistry(acme.id, { name: "Hub", description: "Images", ...hub })).data;
await jane.registries.editContainerRegistry(acme.id, registry.id, { name: "Docker Hub", ...hub });
await jane.registries.getContainerRegistry(acme.id, registry.id);
await jane.registries.listContainerRegistry(acme.id);
await jane.organizations.getContainerRegistryAssociatedServices(acme.id, registry.id);
await jane.registries.deleteContainerRegistry(acme.id, registry.id);
await jane.charts.listAvailableHelmRepository();
const shelf = { kind: HelmRepositoryKindEnum.HTTPS, url: "https://charts.example.com", skip_tls_verification: false, config: {} };
const charts = (await jane.charts.createHelmRepository(acme.id, { name: "Charts", ...shelf })).data;
await jane.charts.editHelmRepository(acme.id, charts.id, { name: "All charts", ...shelf });
await jane.charts.getHelmRepository(acme.id, charts.id);
await jane.charts.listHelmRepository(acme.id);
await jane.organizations.getHelmRepositoryAssociatedServices(acme.id, charts.id);
await jane.charts.deleteHelmRepository(acme.id, charts.id);

// Git tokens.
const gitToken = (await jane.organizations.createGitToken(acme.id, { name: "Code", type: GitProviderEnum.GITLAB, token: "a token", git_api_url: "https://git.example.com/api/v4" })).data;
await jane.organizations.editGitToken(acme.id, gitToken.id, { name: "All code", type: GitProviderEnum.BITBUCKET, token: "a token", workspace: "acme" });
await jane.organizations.getOrganizationGitToken(acme.id, gitToken.id);
await jane.organizations.listOrganizationGitTokens(acme.id);
await jane.organizations.getGitTokenAssociatedServices(acme.id, gitToken.id);
await jane.organizations.deleteGitToken(acme.id, gitToken.id);
await jane.git.getOrganizationGitProviderAccount(acme.id);

// Labels and annotations.
const labels = [{ key: "example.com/team", value: "shop", propagate_to_cloud_provider: true }];
const labelled = (await jane.labels.createOrganizationLabelsGroup(acme.id, { name: "Team", labels })).data;
await jane.labels.editOrganizationLabelsGroup(acme.id, labelled.id, { name: "Teams", labels });
await jane.labels.getOrganizationLabelssGroup(acme.id, labelled.id);
await jane.labels.listOrganizationLabelsGroup(acme.id);
await jane.labels.getOrganizationLabelsGroupAssociatedItems(acme.id, labelled.id);
await jane.labels.deleteOrganizationLabelsGroup(acme.id, labelled.id);
const annotations = { annotations: [{ key: "example.com/note", value: "any text" }], scopes: [OrganizationAnnotationsGroupScopeEnum.PODS] };
const noted = (await jane.annotations.createOrganizationAnnotationsGroup(acme.id, { name: "Note", ...annotations })).data;
await jane.annotations.editOrganizationAnnotationsGroup(acme.id, noted.id, { name: "Notes", ...annotations });
await jane.annotations.getOrganizationAnnotationsGroup(acme.id, noted.id);
await jane.annotations.listOrganizationAnnotationsGroup(acme.id);
await jane.annotations.getOrganizationAnnotationsGroupAssociatedItems(acme.id, noted.id);
await jane.annotations.deleteOrganizationAnnotationsGroup(acme.id, noted.id);

// Refusals.
await refused(400, () => jane.projects.createProject(acme.id, { name: "<b>" }));
await refused(401, () => as("qov_unknown").organizations.listOrganization());
await refused(404, () => jane.project.getProject(nowhere));
await refused(409, () => jane.projects.createProject(acme.id, { name: "API" }));

// What happened.
await jane.events.getOrganizationEvents(acme.id);
await jane.events.getOrganizationEvents(
  acme.id,
  5,
  "1577836800",
  `${Date.now() + 60_000}000000`, // nanoseconds
  undefined,
  undefined,
  OrganizationEventType.CREATE,
  OrganizationEventTargetType.PROJECT,
  web.id,
  undefined,
  undefined,
  OrganizationEventOrigin.API,
);
await jane.events.getOrganizationEventTargets(acme.id, null, null);

// The end.
await jane.project.deleteProject(api.id);
await jane.tokens.deleteOrganizationApiToken(acme.id, tokenId);
await refused(401, () => robot.organizations.getOrganization(acme.id));
await jane.roles.deleteOrganizationCustomRole(acme.id, roleId);
await jane.members.postOrganizationTransferOwnership(acme.id, { user_id: joeId });
await joe.members.deleteMember(acme.id, { user_id: janeId });
await joe.events.getOrganizationEvents(acme.id, 100); // all of the above
await joe.organizations.deleteOrganization(acme.id);

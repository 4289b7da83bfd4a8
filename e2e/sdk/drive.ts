// Drives a running server through the public TypeScript SDK, as a console or a
// script would: a story in which every operation that we serve is called.
// URL, SCHEME (Bearer or Token), JANE and JOE (access tokens) come from the environment.
import {
  AccountInfoApi,
  Configuration,
  EnvironmentModeEnum,
  InviteMemberRoleEnum,
  MembersApi,
  OrganizationApiTokenApi,
  OrganizationCustomRoleApi,
  OrganizationCustomRoleProjectPermission,
  OrganizationEventApi,
  OrganizationEventOrigin,
  OrganizationEventTargetType,
  OrganizationEventType,
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

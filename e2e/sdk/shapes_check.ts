// Shows that shapes.ts finds what is wrong with an answer; a check that takes everything would make the driver worthless.
import { misfits } from "./shapes.js";

const organization = { id: "1", created_at: "2026-03-01T12:00:00.5Z", name: "Acme", plan: "FREE", description: null };
const { plan: _, ...planless } = organization;
const cases: [operation: string, answer: unknown, wrong: string][] = [
  ["getOrganization", organization, ""],
  ["getOrganization", { ...organization, unknown: true }, ""],
  ["listOrganization", { results: [organization] }, ""],
  ["deleteOrganization", "", ""],
  ["getOrganization", planless, "answer.plan is missing"],
  ["getOrganization", { ...organization, plan: "GOLD" }, "answer.plan"],
  ["getOrganization", { ...organization, plan: null }, "answer.plan"],
  ["getOrganization", { ...organization, name: 7 }, "answer.name"],
  ["getOrganization", { ...organization, created_at: "2026-03-01T12:00:00" }, "answer.created_at"],
  ["getOrganization", [organization], "answer"],
  ["listOrganization", { results: [organization, planless] }, "answer.results[1].plan is missing"],
  ["listOrganization", { results: organization }, "answer.results"],
  ["deleteOrganization", organization, "answer"],
  ["getOrganizationEvents", { events: [{ event_type: "CREATE" }] }, ""],
  ["getOrganizationEvents", { events: [{ event_type: "POLICY_FAILED" }] }, "answer to an older client.events[0].event_type"],
  ["noSuchOperation", organization, "the SDK has no operation"],
];
for (const [operation, answer, wrong] of cases) {
  const found = misfits(operation, answer);
  if (wrong === "" ? found.length > 0 : !found[0]?.startsWith(wrong)) {
    throw new Error(`${operation} ${JSON.stringify(answer)}: found ${JSON.stringify(found)}, want ${wrong || "nothing"}`);
  }
}

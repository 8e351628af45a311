import type { Plan } from "../../../core/plan.ts";
import type { Finding } from "../../../ports/target.ts";
import type { Answer, AwsApi, CallBy } from "../api/api.ts";
import type { AddressesOf } from "../api/resolve.ts";
import type { Found } from "../found.ts";
import { proveReach } from "../reach/prove.ts";
import type { AwsSettings } from "../settings.ts";
import { additionalInstances, roomFindings, subnetFindings, zoneFindings } from "./capacity.ts";
import { credentialFindings } from "./credentials.ts";
import { activityFindings, groupFindings, policyFindings } from "./groups.ts";
import { look, type Picture } from "./picture.ts";
import { rightsFindings } from "./rights.ts";
import { healthFindings, listenerFindings, ownerFindings, ruleFindings, stickyFindings } from "./traffic.ts";

/** What is looked for before a deployment is opened. */
export interface PreflightWith {
  readonly api: AwsApi;
  readonly settings: AwsSettings;
  readonly found: Found;
  /** Addresses of the load balancer's nodes. */
  readonly addresses: AddressesOf;
  /** The moment of the look, ms since 1970. */
  readonly now: number;
}

/** Everything that would make the plan fail, or make it do harm. Reads only. */
export async function preflight(using: PreflightWith, plan: Plan, call: CallBy): Promise<readonly Finding[]> {
  const { checks, identity } = plan.request.checks;
  const picture = await look(using.api, using.found, plan, call);
  // Who asks nothing need not get anywhere.
  const reach =
    checks.length === 0 ? [] : await proveReach({ ...using, identity }, plan.candidate.slot, call);
  const rights = await rightsFindings(using, picture, call);
  return once([...findingsOf(using, plan, picture), ...rights, ...reach]);
}

/** The same from what was read already; pure. */
export function findingsOf(
  { settings, found, now }: Omit<PreflightWith, "api" | "addresses">,
  plan: Plan,
  picture: Picture,
): readonly Finding[] {
  const { slot } = plan.candidate;
  const more = additionalInstances(plan);
  const of = <T>(part: Answer<T>, what: string, findings: (value: T) => readonly Finding[]) =>
    part.is === "ok" ? findings(part.value) : [unread(what, part)];
  const all = [
    ...of(picture.caller, "how long the credentials last", (caller) => credentialFindings(caller, plan, now)),
    ...of(picture.groups, "the Auto Scaling groups", (groups) => groupFindings(groups, plan)),
    ...of(picture.activities, "what the candidate's group did last", (done) => activityFindings(done, now)),
    ...of(picture.policies, "scaling policies", (policies) => policyFindings(policies, found)),
    ...of(picture.balancers, "the load balancer's state", (balancers) =>
      of(picture.listeners, "the listeners", (listeners) => listenerFindings(balancers, listeners)),
    ),
    ...of(picture.rules, "the rules", (rules) => [
      ...ruleFindings(rules, found),
      ...of(picture.attributes, "stickiness and delays of the target groups", (attributes) =>
        stickyFindings(rules, attributes, settings, found, plan),
      ),
    ]),
    ...of(picture.targetGroups, "the target groups", (groups) => healthFindings(groups, slot)),
    ...of(picture.tags, "tags of the target groups", (tags) => ownerFindings(tags)),
    ...of(picture.targets, "how many targets there are", (targets) => roomFindings(targets, more, found)),
    ...of(picture.subnets, "free addresses of the subnets", (subnets) => [
      ...subnetFindings(subnets, more),
      ...of(picture.version, "the launch template", (version) =>
        of(picture.zones, "where the instance type is offered", (zones) =>
          zoneFindings(version?.instanceType, zones, subnets),
        ),
      ),
    ]),
    ...of(picture.image, "the image", () => []),
  ];
  return once(all);
}

/** A missing right fails every look that needs it, and is told once. */
function once(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ cause }) => {
    const key = `${cause.code} ${cause.message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** What may not be read is a right that a deployment needs, too: it is refused before it begins. */
function unread(what: string, { code, cause }: Extract<Answer<unknown>, { is: "failed" }>): Finding {
  if (code === "AccessDenied")
    return {
      is: "blocks",
      cause,
      next: "have the policy of teal init attached to the role that runs this",
    };
  return { is: "unproven", cause: { code: "TEAL-A600", message: `${what}: ${cause.message}` } };
}

import type { IncomingMessage } from "node:http";
import type { Chance, WorldClock } from "../../kernel.ts";
import type { Listener } from "../model.ts";
import { errorPage, fixed, redirect, unauthenticated, type OwnAnswer } from "./answers.ts";
import type { Asked, ReadyRule } from "./compile.ts";
import {
  cookie,
  GROUP_COOKIE,
  GROUP_COOKIE_CORS,
  setCookies,
  TARGET_COOKIE,
  TARGET_COOKIE_CORS,
  type Cookies,
} from "./cookies.ts";
import type { Group } from "./group.ts";
import type { Target } from "./target.ts";

/** What a node knows of one of its ports: as it was told last, not as it is. */
export interface PortTable {
  readonly listener: Listener;
  readonly rules: readonly ReadyRule[];
}

export interface RouteDeps {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly cookies: Cookies;
  readonly renewGroupCookie: boolean;
  readonly groups: ReadonlyMap<string, Group>;
  /** Whose turn it is in a group at this node. */
  readonly turns: Map<Group, number>;
}

export type Decision =
  | { readonly is: "own"; readonly answer: OwnAnswer; readonly targetGroup?: string }
  | {
      readonly is: "target";
      readonly group: Group;
      readonly target: Target;
      readonly setCookies: readonly string[];
    };

/** What is asked, as conditions see it. */
export function asked(request: IncomingMessage): Asked {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  return {
    host: (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase(),
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    method: request.method ?? "GET",
    source: request.socket.remoteAddress ?? "",
    headers: request.headers,
  };
}

/** By the first rule that matches; the default rule, which is last, always does. */
export function decide(deps: RouteDeps, { listener, rules }: PortTable, request: Asked): Decision {
  const rule = rules.find(({ matches }) => matches(request))!;
  const refusal = rule.authenticate && unauthenticated(rule.authenticate, request);
  if (refusal !== undefined) return { is: "own", answer: refusal };
  switch (rule.last.Type) {
    case "fixed-response":
      return { is: "own", answer: fixed(rule.last) };
    case "redirect":
      return { is: "own", answer: redirect(rule.last, request, listener) };
    case "authenticate-oidc":
    case "authenticate-cognito":
      throw new Error("a rule that ends with authentication was let through");
    case "forward":
      return forward(deps, rule, [request.headers["cookie"] ?? []].flat().join("; "));
  }
}

function forward(deps: RouteDeps, rule: ReadyRule, header: string): Decision {
  const sticky = rule.last.ForwardConfig!.TargetGroupStickinessConfig;
  const stuck = sticky.Enabled ? stuckGroup(deps, rule, header) : undefined;
  const arn = stuck ?? drawn(deps, rule);
  const group = arn === undefined ? undefined : deps.groups.get(arn);
  const found = group && pickTarget(deps, group, header);
  // Guide, "Weighted target groups": no other group stands in for one without targets.
  if (group === undefined || found === undefined) {
    return { is: "own", answer: errorPage(503), ...(arn !== undefined && { targetGroup: arn }) };
  }
  const keeps = stuck !== undefined && !deps.renewGroupCookie;
  if (!sticky.Enabled || keeps) return { is: "target", group, ...found };
  const until = deps.clock.now() + sticky.DurationSeconds! * 1000;
  const value = deps.cookies.seal({ to: group.of.arn, until });
  return {
    is: "target",
    group,
    target: found.target,
    setCookies: [...setCookies([GROUP_COOKIE, GROUP_COOKIE_CORS], value, until), ...found.setCookies],
  };
}

/** The group that the cookie names, whatever its weight is now, as long as the rule names it too. */
function stuckGroup({ cookies, clock }: RouteDeps, { last }: ReadyRule, header: string): string | undefined {
  const content = cookie(header, GROUP_COOKIE);
  const stuck = content === undefined ? undefined : cookies.open(content, clock.now())?.to;
  return last.ForwardConfig!.TargetGroups.find(({ TargetGroupArn: arn }) => arn === stuck)?.TargetGroupArn;
}

function drawn({ chance }: RouteDeps, { last, sums }: ReadyRule): string | undefined {
  const drawnAt = chance.next() * sums.at(-1)!;
  const index = sums.findIndex((sum) => sum > drawnAt);
  return last.ForwardConfig!.TargetGroups[index]?.TargetGroupArn;
}

function pickTarget(
  deps: RouteDeps,
  group: Group,
  header: string,
): { readonly target: Target; readonly setCookies: readonly string[] } | undefined {
  const { attributes, arn } = group.of;
  if (attributes.get("stickiness.enabled") !== "true") {
    const target = nextTarget(deps, group);
    return target && { target, setCookies: [] };
  }
  const content = cookie(header, TARGET_COOKIE);
  const stuck = content === undefined ? undefined : deps.cookies.open(content, deps.clock.now())?.to;
  // Guide, "Sticky sessions": a target that is unhealthy or drains is left for another one.
  const target = group.routable().find(({ key }) => `${arn} ${key}` === stuck) ?? nextTarget(deps, group);
  if (target === undefined) return undefined;
  const until = deps.clock.now() + Number(attributes.get("stickiness.lb_cookie.duration_seconds")) * 1000;
  const value = deps.cookies.seal({ to: `${arn} ${target.key}`, until });
  return { target, setCookies: setCookies([TARGET_COOKIE, TARGET_COOKIE_CORS], value, until) };
}

/** Guide, "Routing algorithms": round robin, least outstanding requests, weighted random. */
function nextTarget({ turns, chance }: RouteDeps, group: Group): Target | undefined {
  const targets = group.routable();
  if (targets.length < 2) return targets[0];
  const algorithm = group.of.attributes.get("load_balancing.algorithm.type");
  if (algorithm === "least_outstanding_requests") {
    return targets.reduce((least, each) => (each.inflight < least.inflight ? each : least));
  }
  if (algorithm === "weighted_random" || group.warming()) {
    const shares = targets.map((target) => group.share(target));
    let at = chance.next() * shares.reduce((sum, share) => sum + share, 0);
    return targets.find((_, index) => (at -= shares[index]!) < 0) ?? targets.at(-1);
  }
  const turn = turns.get(group) ?? 0;
  turns.set(group, turn + 1);
  return targets[turn % targets.length];
}

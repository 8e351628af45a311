import type { Check, CheckPlan } from "../../core/checks.ts";
import { millis } from "../../core/units.ts";
import type { Found } from "./found.ts";

/** Longest answer (ms) of a check that nobody configured. */
const TIMEOUT = millis(5_000);

/**
 * The checks with the one that nobody configured: the path and statuses of the target groups' own health check. Where
 * that is asked at a port of its own, users' port may not know the path, and nothing is added: without a healthy target
 * no slot is ready anyway.
 */
export function withReadyCheck(plan: CheckPlan, { slots }: Found): CheckPlan {
  const { health, port } = slots.blue.targetGroup;
  if (health.port !== "traffic-port" && health.port !== String(port)) return plan;
  const ready: Check = {
    name: "ready",
    kind: "ready",
    timeout: TIMEOUT,
    ask: "http",
    http: {
      method: "GET",
      path: health.path,
      headers: {},
      status: statusesOf(health.statuses),
      followRedirects: 0,
    },
  };
  return { ...plan, checks: [ready, ...plan.checks] };
}

/** `200`, `200,202` or `200-299`, as a target group's matcher says it. */
export function statusesOf(matcher: string): readonly (readonly [number, number])[] {
  return matcher.split(",").map((part) => {
    const [from = 200, to = from] = part.split("-").map(Number);
    return [from, to] as const;
  });
}

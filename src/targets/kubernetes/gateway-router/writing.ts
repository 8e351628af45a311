import { isDeepStrictEqual } from "node:util";
import type { Routing } from "../../../core/observed.ts";
import { type Cause, type Fence, type Millis, millis } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import type { Answer, Api, CallBy, JsonOperation } from "../api/api.ts";
import { ANNOTATIONS } from "../names.ts";
import type { HttpRoute, RouteRule } from "./http-route.ts";
import type { RouteView, RouteViews } from "./view.ts";
import { LATE, restless } from "./words.ts";

/** What to do about a route that was just read. */
export type Decision =
  | { readonly is: "answer"; readonly answer: Write<Routing> }
  /** `rules` as they are: only the fence is registered, which changes nothing that users see. */
  | { readonly is: "write"; readonly rules: readonly RouteRule[] };

/** Who races with us is a person or a GitOps controller, not a heartbeat: a few looks are enough. */
const ATTEMPTS = 5;

/**
 * Reads, decides and writes until one write was decided on what it found. The write tests the epoch and all rules of
 * the route, so that neither a fenced writer nor one with an outdated picture changes anything.
 */
export async function writeRoute(
  api: Api,
  views: RouteViews,
  by: By,
  decide: (view: RouteView) => Decision,
): Promise<Write<Routing>> {
  let refused: { readonly on: RouteView; readonly cause: Cause } | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const call = callOf(by);
    if (call === undefined) return { is: "rejected", cause: LATE };
    const read = refused === undefined ? await views.read(call) : await views.readAgain(call);
    if (read.is === "unreadable") return { is: "rejected", cause: read.cause };
    const { view } = read;
    if (view.epoch > by.fence) return { is: "fenced", by: view.epoch };
    // Nothing that the write tests has changed: it is the content that the server does not want.
    if (refused !== undefined && sameGround(refused.on, view))
      return { is: "rejected", cause: refused.cause };
    const decision = decide(view);
    if (decision.is === "answer") return decision.answer;
    if (isDeepStrictEqual(decision.rules, view.rules) && view.epoch === by.fence) {
      return { is: "unchanged", seen: view.routing };
    }
    const again = callOf(by);
    if (again === undefined) return { is: "rejected", cause: LATE };
    const answer = await patch(api, views, view, decision.rules, by, again);
    if (answer.is !== "changed") return answer;
    refused = { on: view, cause: answer.cause };
  }
  return { is: "rejected", cause: restless(views.name, ATTEMPTS) };
}

async function patch(
  api: Api,
  views: RouteViews,
  view: RouteView,
  rules: readonly RouteRule[],
  by: By,
  call: CallBy,
): Promise<Write<Routing> | { readonly is: "changed"; readonly cause: Cause }> {
  const operations = operationsFor(view, rules, by);
  const answer = await api.patch<HttpRoute>(views.path, { by: "json", operations }, call);
  if (answer.is !== "ok") {
    const outdated = answer.is === "refused" && (answer.status === 422 || answer.status === 409);
    return outdated ? { is: "changed", cause: answer.cause } : failed(answer);
  }
  const same = isDeepStrictEqual(rules, view.rules);
  const took = await views.took(answer.value, call);
  // The write is done; only what else is needed to understand the answer could not be read.
  if (took.is === "unreadable") return { is: "unknown", cause: took.cause };
  return { is: same ? "unchanged" : "applied", seen: took.view.routing };
}

/**
 * A route that was never claimed has no epoch that could be tested; then its resourceVersion stands for it, so that
 * two first writers cannot both succeed.
 */
export function operationsFor(
  view: RouteView,
  rules: readonly RouteRule[],
  by: { readonly fence: Fence; readonly intent: string },
): readonly JsonOperation[] {
  const { annotations, resourceVersion } = view.route.metadata;
  const epoch = annotations?.[ANNOTATIONS.epoch];
  const same = isDeepStrictEqual(rules, view.rules);
  return [
    epoch === undefined
      ? { op: "test", path: "/metadata/resourceVersion", value: resourceVersion }
      : { op: "test", path: annotationPath(ANNOTATIONS.epoch), value: epoch },
    ...(annotations === undefined ? [{ op: "add" as const, path: "/metadata/annotations", value: {} }] : []),
    { op: "add", path: annotationPath(ANNOTATIONS.epoch), value: String(by.fence) },
    { op: "add", path: annotationPath(ANNOTATIONS.intent), value: by.intent },
    ...(same
      ? []
      : [
          { op: "test" as const, path: "/spec/rules", value: view.rules },
          { op: "replace" as const, path: "/spec/rules", value: rules },
        ]),
  ];
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function sameGround(a: RouteView, b: RouteView): boolean {
  return a.epoch === b.epoch && isDeepStrictEqual(a.rules, b.rules);
}

export function failed<T>(answer: Exclude<Answer<unknown>, { is: "ok" }>): Write<T> {
  if (answer.is === "unknown") return { is: "unknown", cause: answer.cause };
  const retryAfter: Millis | undefined = answer.is === "refused" ? answer.retryAfter : undefined;
  return { is: "rejected", cause: answer.cause, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** `undefined` when no attempt may start any more. */
export function callOf(by: By): CallBy | undefined {
  const left = by.deadline - Date.now();
  if (left <= 0 || by.signal.aborted) return undefined;
  return { signal: by.signal, within: millis(left) };
}

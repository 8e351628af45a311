import { isDeepStrictEqual } from "node:util";
import type { Routing } from "../../../core/observed.ts";
import { type Cause, millis } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notWritten } from "../api/answers.ts";
import type { Api, CallBy, JsonOperation } from "../api/api.ts";
import { ANNOTATIONS } from "../names.ts";
import type { HttpRoute, RouteRule } from "./http-route.ts";
import type { ReadView, RouteView, RouteViews } from "./view.ts";
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
 * the route, so that neither a fenced writer nor one with an outdated picture changes anything. It is made even when
 * it should change nothing: the watch it was decided on may be late, and the test is what makes the answer true.
 */
export async function writeRoute(
  api: Api,
  views: RouteViews,
  by: By,
  decide: (view: RouteView) => Decision,
): Promise<Write<Routing>> {
  let refused: { readonly on: RouteView; readonly cause: Cause } | undefined;
  let fresh = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const call = callOf(by);
    if (call === undefined) return { is: "rejected", cause: LATE };
    const read = fresh ? await views.readAgain(call) : await views.read(call);
    const decision = decideOn(read, by, decide);
    if (decision.is === "answer") {
      // An epoch only grows; whatever else a late watch says must not make a refusal.
      if (fresh || decision.answer.is === "fenced") return decision.answer;
      fresh = true;
      continue;
    }
    const { view, rules } = decision;
    // Nothing that the write tests has changed: it is the content that the server does not want.
    if (refused !== undefined && sameGround(refused.on, view)) {
      return { is: "rejected", cause: refused.cause };
    }
    const answer = await patch(api, views, view, rules, by);
    if (answer.is !== "outdated") return answer;
    refused = { on: view, cause: answer.cause };
    fresh = true;
  }
  return { is: "rejected", cause: restless(views.name, ATTEMPTS) };
}

function decideOn(
  read: ReadView,
  by: By,
  decide: (view: RouteView) => Decision,
): Extract<Decision, { is: "answer" }> | { is: "write"; view: RouteView; rules: readonly RouteRule[] } {
  if (read.is === "unreadable") return { is: "answer", answer: { is: "rejected", cause: read.cause } };
  const { view } = read;
  if (view.epoch > by.fence) return { is: "answer", answer: { is: "fenced", by: view.epoch } };
  const decision = decide(view);
  return decision.is === "answer" ? decision : { is: "write", view, rules: decision.rules };
}

async function patch(
  api: Api,
  views: RouteViews,
  view: RouteView,
  rules: readonly RouteRule[],
  by: By,
): Promise<Write<Routing> | { readonly is: "outdated"; readonly cause: Cause }> {
  const call = callOf(by);
  if (call === undefined) return { is: "rejected", cause: LATE };
  const operations = operationsFor(view, rules, by);
  const answer = await api.patch<HttpRoute>(views.path, { by: "json", operations }, call);
  if (answer.is === "ok") {
    const took = await views.took(answer.value, call);
    // The write is done; only what else is needed to understand the answer could not be read.
    if (took.is === "unreadable") return { is: "unknown", cause: took.cause };
    const same = isDeepStrictEqual(rules, view.rules);
    return { is: same ? "unchanged" : "applied", seen: took.view.routing };
  }
  // 422 is a test that failed, or rules that are not valid: the next look tells.
  const outdated = answer.is === "refused" && (answer.status === 422 || answer.status === 409);
  return outdated ? { is: "outdated", cause: answer.cause } : notWritten(answer);
}

/** To test for null is to test that nothing is there; `add` replaces what is. */
export function operationsFor(
  view: Pick<RouteView, "route" | "rules">,
  rules: readonly RouteRule[],
  by: Pick<By, "fence" | "intent">,
): readonly JsonOperation[] {
  const { annotations } = view.route.metadata;
  const epoch = { op: "add", path: annotationPath(ANNOTATIONS.epoch), value: String(by.fence) } as const;
  const intent = { op: "add", path: annotationPath(ANNOTATIONS.intent), value: by.intent } as const;
  return [
    ...(annotations === undefined
      ? ([
          { op: "test", path: "/metadata/annotations", value: null },
          { op: "add", path: "/metadata/annotations", value: {} },
        ] as const)
      : ([{ op: "test", path: epoch.path, value: annotations[ANNOTATIONS.epoch] ?? null }] as const)),
    { op: "test", path: "/spec/rules", value: view.rules },
    epoch,
    ...(isDeepStrictEqual(rules, view.rules)
      ? []
      : [intent, { op: "replace" as const, path: "/spec/rules", value: rules }]),
  ];
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function sameGround(a: RouteView, b: RouteView): boolean {
  return a.epoch === b.epoch && isDeepStrictEqual(a.rules, b.rules);
}

/** One request (ms): an API server that takes longer hangs. */
const REQUEST_MS = 5_000;

/** `undefined` when no attempt may start any more. */
export function callOf(by: By): CallBy | undefined {
  const left = by.deadline - Date.now();
  if (left <= 0 || by.signal.aborted) return undefined;
  return { signal: by.signal, within: millis(Math.min(left, REQUEST_MS)) };
}

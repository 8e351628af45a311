import type { Routing } from "../../../core/observed.ts";
import { millis, type Cause } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notWritten } from "../api/answers.ts";
import type { Api, CallBy, JsonOperation } from "../api/api.ts";
import type { Labels, Service } from "../api/objects.ts";
import { ANNOTATIONS } from "../names.ts";
import { sameSelector } from "./selectors.ts";
import type { ServiceView, ServiceViews } from "./view.ts";
import { LATE, restless } from "./words.ts";

/** What to do about a Service that was just read. */
export type Decision =
  | { readonly is: "answer"; readonly answer: Write<Routing> }
  /** The selector as it is: only the fence is registered, which changes nothing that users see. */
  | { readonly is: "write"; readonly selector: Labels | undefined };

/** Who races with us is a person or a GitOps controller, not a heartbeat: a few looks are enough. */
const ATTEMPTS = 5;

/**
 * Reads, decides and writes until one write was decided on what it found. The write tests the epoch and the whole
 * selector, so that neither a fenced writer nor one with an outdated picture changes anything. It is made even when
 * it should change nothing: the watch it was decided on may be late, and the test is what makes the answer true.
 */
export async function writeService(
  api: Api,
  views: ServiceViews,
  by: By,
  decide: (view: ServiceView) => Decision,
): Promise<Write<Routing>> {
  let refused: { readonly on: ServiceView; readonly cause: Cause } | undefined;
  let fresh = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const call = callOf(by);
    if (call === undefined) return { is: "rejected", cause: LATE };
    const read = fresh ? await views.readAgain(call) : await views.read(call);
    if (read.is === "unreadable") {
      if (fresh) return { is: "rejected", cause: read.cause };
      fresh = true;
      continue;
    }
    const { view } = read;
    // An epoch only grows, so even an outdated one that is higher is true.
    if (view.epoch > by.fence) return { is: "fenced", by: view.epoch };
    // Nothing that the write tests has changed: it is the content that the server does not want.
    if (refused !== undefined && sameGround(refused.on, view))
      return { is: "rejected", cause: refused.cause };
    const decision = decide(view);
    if (decision.is === "answer") {
      if (fresh) return decision.answer;
      // What the watch has not heard of yet must not make a refusal.
      fresh = true;
      continue;
    }
    const answer = await patch(api, views, view, decision.selector, by);
    if (answer.is !== "outdated") return answer;
    refused = { on: view, cause: answer.cause };
    fresh = true;
  }
  return { is: "rejected", cause: restless(views.name, ATTEMPTS) };
}

async function patch(
  api: Api,
  views: ServiceViews,
  view: ServiceView,
  selector: Labels | undefined,
  by: By,
): Promise<Write<Routing> | { readonly is: "outdated"; readonly cause: Cause }> {
  const call = callOf(by);
  if (call === undefined) return { is: "rejected", cause: LATE };
  const operations = operationsFor(view.service, selector, by);
  const answer = await api.patch<Service>(views.path, { by: "json", operations }, call);
  if (answer.is === "ok") {
    const took = await views.took(answer.value, call);
    // The write is done; only what else is needed to understand the answer could not be read.
    if (took.is === "unreadable") return { is: "unknown", cause: took.cause };
    const same = sameSelector(selector, view.service.spec.selector);
    return { is: same ? "unchanged" : "applied", seen: took.view.routing };
  }
  // 422 is a test that failed, or a selector that is not valid: the next look tells.
  const outdated = answer.is === "refused" && (answer.status === 422 || answer.status === 409);
  return outdated ? { is: "outdated", cause: answer.cause } : notWritten(answer);
}

/**
 * Changes the selector as a whole, never key by key, and only if epoch and selector are what they were when it was
 * decided. To test for null is to test that nothing is there; `add` replaces what is.
 */
export function operationsFor(
  service: Service,
  selector: Labels | undefined,
  by: Pick<By, "fence" | "intent">,
): readonly JsonOperation[] {
  const { annotations } = service.metadata;
  const before = service.spec.selector;
  const epoch = { op: "add", path: annotationPath(ANNOTATIONS.epoch), value: String(by.fence) } as const;
  const intent = { op: "add", path: annotationPath(ANNOTATIONS.intent), value: by.intent } as const;
  return [
    ...(annotations === undefined
      ? ([
          { op: "test", path: "/metadata/annotations", value: null },
          { op: "add", path: "/metadata/annotations", value: {} },
        ] as const)
      : ([{ op: "test", path: epoch.path, value: annotations[ANNOTATIONS.epoch] ?? null }] as const)),
    { op: "test", path: "/spec/selector", value: before ?? null },
    epoch,
    ...(sameSelector(selector, before)
      ? []
      : [intent, { op: "add" as const, path: "/spec/selector", value: selector }]),
  ];
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function sameGround(a: ServiceView, b: ServiceView): boolean {
  return a.version === b.version;
}

/** One request (ms): an API server that takes longer hangs. */
const REQUEST_MS = 5_000;

/** `undefined` when no attempt may start any more. */
export function callOf(by: By): CallBy | undefined {
  const left = by.deadline - Date.now();
  if (left <= 0 || by.signal.aborted) return undefined;
  return { signal: by.signal, within: millis(Math.min(left, REQUEST_MS)) };
}

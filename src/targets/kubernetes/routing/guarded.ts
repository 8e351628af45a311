import type { KubernetesSettings } from "../settings.ts";
import type { Routing } from "../../../core/observed.ts";
import { millis, type Cause, type Fence, type Instant } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { raiseEpoch } from "../anchor.ts";
import { notWritten } from "../api/answers.ts";
import type { Api, CallBy, JsonOperation } from "../api/api.ts";
import type { KubeObject } from "../api/objects.ts";
import { ANNOTATIONS } from "../names.ts";

/** An object that divides traffic, read for what it says about the two slots. */
interface View {
  readonly epoch: Fence;
  readonly routing: Routing;
}

type ReadView<V> =
  | { readonly is: "seen"; readonly view: V; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** The one object of a router and the one field of it that Teal writes: a Service's selector, a route's rules. */
export interface Guarded<O extends KubeObject, V extends View, C> {
  readonly path: string;
  /** JSON Pointer of the field. */
  readonly field: string;
  /** As last heard of, of any age. */
  read(call: CallBy): Promise<ReadView<V>>;
  /** Asked of the API server itself. */
  readAgain(call: CallBy): Promise<ReadView<V>>;
  /** The object as a write answered it. */
  took(object: O, call: CallBy): Promise<ReadView<V>>;
  objectOf(view: V): KubeObject;
  contentOf(view: V): C | undefined;
  same(a: C | undefined, b: C | undefined): boolean;
  /** The call's time was over before anything was sent. */
  readonly late: Cause;
  /** Somebody else changed it each time. */
  restless(attempts: number): Cause;
}

/** What to do about an object that was just read. */
export type Decision<C> =
  | { readonly is: "answer"; readonly answer: Write<Routing> }
  /** The content as it is: only the fence is registered, which changes nothing that users see. */
  | { readonly is: "write"; readonly content: C | undefined };

/** Who races with us is a person or a GitOps controller, not a heartbeat: a few looks are enough. */
const ATTEMPTS = 5;
/** One request (ms): an API server that takes longer hangs. */
const REQUEST_MS = 5_000;

/**
 * Reads, decides and writes until one write was decided on what it found. The write tests the epoch and the whole
 * field, so that neither a fenced writer nor one with an outdated picture changes anything. It is made even when it
 * should change nothing: the watch it was decided on may be late, and the test is what makes the answer true.
 */
export async function writeGuarded<O extends KubeObject, V extends View, C>(
  api: Api,
  guarded: Guarded<O, V, C>,
  by: By,
  decide: (view: V) => Decision<C>,
): Promise<Write<Routing>> {
  let refused: { readonly on: V; readonly cause: Cause } | undefined;
  let fresh = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const call = callOf(by);
    if (call === undefined) return { is: "rejected", cause: guarded.late };
    const read = fresh ? await guarded.readAgain(call) : await guarded.read(call);
    if (read.is === "unreadable") {
      if (fresh) return { is: "rejected", cause: read.cause };
      fresh = true;
      continue;
    }
    const { view } = read;
    // An epoch only grows, so even an outdated one that is higher is true.
    if (view.epoch > by.fence) return { is: "fenced", by: view.epoch };
    // Nothing that the write tests has changed: it is the content that the server does not want.
    if (refused !== undefined && sameGround(guarded, refused.on, view))
      return { is: "rejected", cause: refused.cause };
    const decision = decide(view);
    if (decision.is === "answer") {
      if (fresh) return decision.answer;
      // What the watch has not heard of yet must not make a refusal.
      fresh = true;
      continue;
    }
    const answer = await patch(api, guarded, view, decision.content, by);
    if (answer.is !== "outdated") return answer;
    refused = { on: view, cause: answer.cause };
    fresh = true;
  }
  return { is: "rejected", cause: guarded.restless(ATTEMPTS) };
}

/** The Lease first, so that whoever makes something new learns of it; then the object, which refuses lower fences. */
export async function claimGuarded<O extends KubeObject, V extends View, C>(
  api: Api,
  { service }: Pick<KubernetesSettings, "service">,
  guarded: Guarded<O, V, C>,
  by: By,
): Promise<Write<Fence>> {
  const call = callOf(by);
  if (call === undefined) return { is: "rejected", cause: guarded.late };
  const anchored = await raiseEpoch(api, service, by.fence, call);
  if ("cause" in anchored || "by" in anchored) return anchored;
  let known = anchored.is === "already";
  const wrote = await writeGuarded(api, guarded, by, (view) => {
    known &&= view.epoch === by.fence;
    return { is: "write", content: guarded.contentOf(view) };
  });
  return "seen" in wrote ? { is: known ? "unchanged" : "applied", seen: by.fence } : wrote;
}

async function patch<O extends KubeObject, V extends View, C>(
  api: Api,
  guarded: Guarded<O, V, C>,
  view: V,
  content: C | undefined,
  by: By,
): Promise<Write<Routing> | { readonly is: "outdated"; readonly cause: Cause }> {
  const call = callOf(by);
  if (call === undefined) return { is: "rejected", cause: guarded.late };
  const before = guarded.contentOf(view);
  const same = guarded.same(content, before);
  const change = { field: guarded.field, before, ...(same ? {} : { after: content }) };
  const operations = operationsFor(guarded.objectOf(view), change, by);
  const answer = await api.patch<O>(guarded.path, { by: "json", operations }, call);
  if (answer.is === "ok") {
    const took = await guarded.took(answer.value, call);
    // The write is done; only what else is needed to understand the answer could not be read.
    if (took.is === "unreadable") return { is: "unknown", cause: took.cause };
    return { is: same ? "unchanged" : "applied", seen: took.view.routing };
  }
  // 422 is a test that failed, or a content that is not valid: the next look tells.
  const outdated = answer.is === "refused" && (answer.status === 422 || answer.status === 409);
  return outdated ? { is: "outdated", cause: answer.cause } : notWritten(answer);
}

/** One field as it was when it was decided on, and as it is to be; without `after` it stays. */
interface Change {
  readonly field: string;
  readonly before: unknown;
  readonly after?: unknown;
}

/**
 * Changes the field as a whole, never key by key, and only if epoch and field are what they were when it was decided.
 * To test for null is to test that nothing is there; `add` replaces what is.
 */
export function operationsFor(
  { metadata: { annotations } }: KubeObject,
  { field, before, after }: Change,
  by: Pick<By, "fence" | "intent">,
): readonly JsonOperation[] {
  const epoch = { op: "add", path: annotationPath(ANNOTATIONS.epoch), value: String(by.fence) } as const;
  const intent = { op: "add", path: annotationPath(ANNOTATIONS.intent), value: by.intent } as const;
  return [
    ...(annotations === undefined
      ? ([
          { op: "test", path: "/metadata/annotations", value: null },
          { op: "add", path: "/metadata/annotations", value: {} },
        ] as const)
      : ([{ op: "test", path: epoch.path, value: annotations[ANNOTATIONS.epoch] ?? null }] as const)),
    { op: "test", path: field, value: before ?? null },
    epoch,
    ...(after === undefined ? [] : [intent, { op: "add" as const, path: field, value: after }]),
  ];
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function sameGround<O extends KubeObject, V extends View, C>(guarded: Guarded<O, V, C>, a: V, b: V): boolean {
  return a.epoch === b.epoch && guarded.same(guarded.contentOf(a), guarded.contentOf(b));
}

/** `undefined` when no attempt may start any more. */
export function callOf(by: Pick<By, "deadline" | "signal">): CallBy | undefined {
  const left = by.deadline - Date.now();
  if (left <= 0 || by.signal.aborted) return undefined;
  return { signal: by.signal, within: millis(Math.min(left, REQUEST_MS)) };
}

import type { Cause, Instant, Millis } from "../../../core/units.ts";
import type { KubeObject } from "./objects.ts";

/**
 * The API server of one cluster, in one namespace, as plain JSON. Nothing here throws for what the server or the
 * network does. Paths are absolute: `/apis/apps/v1/namespaces/shop/deployments/shop-blue` (see `paths.ts`).
 */
export interface Api {
  readonly namespace: string;
  /** For people: `prod-eu/shop`. */
  readonly place: string;
  get<T extends KubeObject>(path: string, call: CallBy): Promise<Answer<T>>;
  list<T extends KubeObject>(path: string, select: Select, call: CallBy): Promise<Answer<List<T>>>;
  create<T extends KubeObject>(path: string, body: object, call: CallBy): Promise<Answer<T>>;
  patch<T extends KubeObject>(path: string, patch: Patch, call: CallBy): Promise<Answer<T>>;
  remove(path: string, options: RemoveOptions, call: CallBy): Promise<Answer<undefined>>;
  /** Text of a path that answers no JSON: logs. */
  text(path: string, call: CallBy): Promise<Answer<string>>;
  /** A request to be ended by the caller, with credentials: what the pod proxy needs. Redirects are not followed. */
  open(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<NodeRequest>;
  /** Objects kept up to date by one list and one watch; begun with the first `read`, shared by equal selections. */
  mirror<T extends KubeObject>(path: string, select: Select): Mirror<T>;
  /** Resolves when any mirror changed after the call, or the signal aborts; costs no request. */
  changed(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** A `ClientRequest` of node:http. Not called so here: who uses these declarations may be without Node's types. */
export type NodeRequest = object;

/** How long and in whose name a call may be tried. */
export interface CallBy {
  readonly signal: AbortSignal;
  /** Bound of the whole call; a default of some seconds where absent. */
  readonly within?: Millis;
}

export interface Select {
  readonly labels?: string;
  readonly fields?: string;
}

export interface List<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/**
 * `refused`: the server answered and did not do it. `unsent`: nothing left this machine. `unknown`: it may have been
 * done, and may still be.
 */
export type Answer<T> =
  | { readonly is: "ok"; readonly value: T }
  | { readonly is: "absent"; readonly cause: Cause }
  | Refused
  | { readonly is: "unsent"; readonly cause: Cause }
  | { readonly is: "unknown"; readonly cause: Cause };

export interface Refused {
  readonly is: "refused";
  /** HTTP status: 409 conflict or exists, 422 invalid or a failed test, 403, 429 ... */
  readonly status: number;
  /** The server's reason: `Conflict`, `AlreadyExists`, `Invalid`, `Forbidden`. */
  readonly reason: string;
  readonly cause: Cause;
  readonly retryAfter?: Millis;
}

export type Patch =
  /** RFC 6902; a failed `test` is refused and changes nothing. */
  | { readonly by: "json"; readonly operations: readonly JsonOperation[] }
  | { readonly by: "merge"; readonly body: object }
  /** Server-side apply in the name of `FIELD_MANAGER`; `force` takes fields that others own. */
  | { readonly by: "apply"; readonly body: object; readonly force: boolean };

export type JsonOperation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export interface RemoveOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: "Foreground" | "Background" | "Orphan";
}

export interface Mirror<T extends KubeObject> {
  /**
   * The objects as last seen. Waits for the first list. When nothing was heard from the server for `fresh`, asks it
   * again before answering: what is answered was true at most `fresh` ago.
   */
  read(
    call: CallBy & { readonly fresh?: Millis },
  ): Promise<
    | { readonly is: "seen"; readonly items: readonly T[]; readonly at: Instant }
    | { readonly is: "unreadable"; readonly cause: Cause }
  >;
  /** Makes an object that a write answered visible at once; older news of it is ignored. */
  put(object: T): void;
  /** The object is gone by our own write. */
  drop(uid: string): void;
  /** Resolves when something changed after the call, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
}

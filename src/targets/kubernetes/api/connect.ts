import type { ClientRequest } from "node:http";
import type { Cause } from "../../../core/units.ts";
import { packageVersion } from "../../version.ts";
import { FIELD_MANAGER } from "../names.ts";
import type { Access } from "../settings.ts";
import type { Answer, Api, CallBy, List, Mirror, Patch, RemoveOptions, Select } from "./api.ts";
import { call, callJson, type Call } from "./call.ts";
import { Connection } from "./connection.ts";
import { pin, type Environment } from "./kubeconfig.ts";
import { listAll, listPath } from "./list.ts";
import { ListWatch, PACE, type Pace } from "./mirror.ts";
import type { KubeObject } from "./objects.ts";
import { watchOnce } from "./watch.ts";

/** Why `Api.open` gave no request: there are no credentials. */
export class NoCredentials extends Error {
  readonly why: Cause;

  constructor(why: Cause) {
    super(why.message);
    this.why = why;
  }
}

export interface ConnectOptions {
  /** Where `KUBECONFIG`, proxies and a pod's variables are looked up. */
  readonly environment?: Environment;
  /** How mirrors are kept. */
  readonly pace?: Pace;
}

/**
 * Reads the pinned context (or the pod's own account); sends nothing yet.
 * @param namespace the empty text stands for the context's own, else `default`.
 */
export async function connectApi(
  access: Access,
  namespace: string,
  { environment = process.env, pace = PACE }: ConnectOptions = {},
): Promise<{ readonly is: "api"; readonly api: Api } | { readonly is: "failed"; readonly cause: Cause }> {
  const pinned = await pin(access, environment);
  if ("code" in pinned) return { is: "failed", cause: pinned };
  let connection: Connection;
  try {
    connection = new Connection(pinned, environment, `teal/${packageVersion()}`);
  } catch {
    const message = `context ${JSON.stringify(pinned.name)} in ${pinned.source} has a server that is no URL: ${JSON.stringify(pinned.cluster.server)}. Correct the kubeconfig.`;
    return { is: "failed", cause: { code: "TEAL-K103", message } };
  }
  const chosen = namespace === "" ? (pinned.namespace ?? "default") : namespace;
  return { is: "api", api: new ServerApi(connection, chosen, `${pinned.name}/${chosen}`, pace) };
}

class ServerApi implements Api {
  readonly namespace: string;
  readonly place: string;
  readonly #connection: Connection;
  readonly #mirrors = new Map<string, ListWatch<KubeObject>>();
  readonly #closed = new AbortController();
  readonly #pace: Pace;
  /** Of all mirrors. */
  readonly #news = new EventTarget();

  constructor(connection: Connection, namespace: string, place: string, pace: Pace) {
    this.#connection = connection;
    this.#pace = pace;
    this.namespace = namespace;
    this.place = place;
  }

  get<T extends KubeObject>(path: string, by: CallBy): Promise<Answer<T>> {
    return this.#json<T>({ method: "GET", path, writes: false }, by);
  }

  list<T extends KubeObject>(path: string, select: Select, by: CallBy): Promise<Answer<List<T>>> {
    return listAll<T>(
      (page, bound) => this.#json({ method: "GET", path: page, writes: false }, bound),
      path,
      select,
      by,
    );
  }

  create<T extends KubeObject>(path: string, body: object, by: CallBy): Promise<Answer<T>> {
    const { metadata } = body as Partial<KubeObject>;
    return this.#json<T>(
      {
        method: "POST",
        ...(metadata?.name === undefined ? {} : { name: metadata.name }),
        path: withQuery(path, WRITING),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        writes: true,
      },
      by,
    );
  }

  patch<T extends KubeObject>(path: string, patch: Patch, by: CallBy): Promise<Answer<T>> {
    const force = patch.by === "apply" ? { force: String(patch.force) } : {};
    return this.#json<T>(
      {
        method: "PATCH",
        path: withQuery(path, { ...WRITING, ...force }),
        headers: { "content-type": PATCH_TYPES[patch.by] },
        body: JSON.stringify(patch.by === "json" ? patch.operations : patch.body),
        writes: true,
      },
      by,
    );
  }

  async remove(path: string, options: RemoveOptions, by: CallBy): Promise<Answer<undefined>> {
    const { uid, resourceVersion, propagation } = options;
    const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
      ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    };
    const answer = await this.#call(
      {
        method: "DELETE",
        path,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        writes: true,
      },
      by,
    );
    return answer.is === "ok" ? { is: "ok", value: undefined } : answer;
  }

  text(path: string, by: CallBy): Promise<Answer<string>> {
    return this.#call({ method: "GET", path, headers: { accept: "*/*" }, writes: false }, by);
  }

  async open(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ClientRequest> {
    const request = await this.#connection.request(method, path, headers);
    if ("code" in request) throw new NoCredentials(request);
    const either = AbortSignal.any([signal, this.#closed.signal]);
    const abort = () => request.destroy(new Error("the request was cancelled"));
    either.addEventListener("abort", abort, { once: true });
    request.once("close", () => either.removeEventListener("abort", abort));
    if (either.aborted) abort();
    return request;
  }

  mirror<T extends KubeObject>(path: string, select: Select): Mirror<T> {
    const key = listPath(path, select);
    let mirror = this.#mirrors.get(key);
    if (mirror === undefined) {
      mirror = new ListWatch<KubeObject>(
        {
          list: (by) => this.list(path, select, by),
          watch: (...run) => watchOnce(this.#connection, this.place, key, ...run),
        },
        this.#pace,
        () => this.#news.dispatchEvent(new Event("change")),
      );
      if (this.#closed.signal.aborted) mirror.close();
      this.#mirrors.set(key, mirror);
    }
    // One collection has one kind of objects; the caller named it with the path.
    return mirror as unknown as Mirror<T>;
  }

  changed(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    if (either.aborted) return Promise.resolve();
    const over = new AbortController();
    return new Promise((resolve) => {
      const done = () => {
        over.abort();
        resolve();
      };
      this.#news.addEventListener("change", done, { signal: over.signal });
      either.addEventListener("abort", done, { signal: over.signal });
    });
  }

  close(): void {
    this.#closed.abort();
    for (const mirror of this.#mirrors.values()) mirror.close();
    this.#connection.close();
  }

  #json<T>(wanted: Call, by: CallBy): Promise<Answer<T>> {
    return callJson<T>(this.#connection, this.place, wanted, this.#until(by));
  }

  #call(wanted: Call, by: CallBy): Promise<Answer<string>> {
    return call(this.#connection, this.place, wanted, this.#until(by));
  }

  #until(by: CallBy): CallBy {
    return { ...by, signal: AbortSignal.any([by.signal, this.#closed.signal]) };
  }
}

/** Every write is refused when it names a field that does not exist, instead of losing it. */
const WRITING = { fieldManager: FIELD_MANAGER, fieldValidation: "Strict" } as const;

const PATCH_TYPES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const satisfies Record<Patch["by"], string>;

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(query).toString()}`;
}

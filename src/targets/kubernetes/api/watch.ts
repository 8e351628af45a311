import type { ClientRequest, IncomingMessage } from "node:http";
import { millis, type Cause, type Millis } from "../../../core/units.ts";
import { answered, broken, type About, type Status } from "./answers.ts";
import { follow, seconds, type Connection } from "./connection.ts";
import { Lines } from "./lines.ts";
import type { KubeObject } from "./objects.ts";
import { requestInfo } from "./request-info.ts";

export interface WatchEvent {
  /** `BOOKMARK` says only how far the news have come. */
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

export interface WatchBounds {
  /** The server ends the watch after this time. */
  readonly lasts: Millis;
  /** The watch is given up when nothing at all comes for this long. */
  readonly silence: Millis;
}

export type WatchEnd =
  /** As agreed, or because the server is restarted: go on from where it ended. */
  | { readonly is: "ended" }
  /** The server does not know that far back any more: list again. */
  | { readonly is: "gone" }
  | { readonly is: "failed"; readonly cause: Cause; readonly retryAfter?: Millis };

/** What is told while a watch runs. */
export interface Watcher {
  event(event: WatchEvent): void;
  /** Something came, and all of it was told. */
  heard(): void;
}

/** One watch, until it ends for whatever reason. Rejects only with what the watcher throws. */
export async function watchOnce(
  connection: Connection,
  place: string,
  collection: string,
  from: string,
  bounds: WatchBounds,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<WatchEnd> {
  const query = new URLSearchParams({
    watch: "1",
    allowWatchBookmarks: "true",
    resourceVersion: from,
    timeoutSeconds: String(Math.ceil(bounds.lasts / 1_000)),
  });
  const path = `${collection}${collection.includes("?") ? "&" : "?"}${query.toString()}`;
  const about: About = {
    place,
    path,
    server: connection.server.host,
    info: requestInfo("GET", path),
    secrets: connection.secrets,
  };
  const request = await connection.request("GET", path, { accept: "application/json" });
  if ("code" in request) return { is: "failed", cause: request };
  return run(request, bounds, watcher, about, signal);
}

function run(
  request: ClientRequest,
  bounds: WatchBounds,
  watcher: Watcher,
  about: About,
  signal: AbortSignal,
): Promise<WatchEnd> {
  return new Promise((resolve, reject) => {
    const stage = follow(request);
    let ended = false;
    let silence: NodeJS.Timeout | undefined;
    const end = (how: WatchEnd) => {
      if (ended) return;
      ended = true;
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
      resolve(how);
      request.destroy();
    };
    const fail = (how: "network" | "timeout", detail: string) =>
      end({ is: "failed", cause: broken({ is: "broken", stage: stage(), how, detail }, false, about).cause });
    const abort = () => end({ is: "ended" });
    const heard = () => {
      clearTimeout(silence);
      if (ended) return;
      silence = setTimeout(
        () => fail("timeout", `nothing came for ${seconds(bounds.silence)}`),
        bounds.silence,
      );
    };
    heard();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    request.on("error", (error) => fail("network", error.message));
    request.once("response", (response) => {
      heard();
      response.on("error", (error) => fail("network", error.message));
      if (response.statusCode !== 200) return refused(response, about, end, heard);
      const lines = new Lines();
      response.on("data", (chunk: Buffer) => {
        heard();
        const read = lines.add(chunk)?.map((line) => readEvent(line, about)) ?? [UNREADABLE];
        for (const event of read) {
          if (ended) return;
          if (event === UNREADABLE) return fail("network", "what came cannot be read");
          if ("is" in event) return end(event);
          try {
            watcher.event(event);
          } catch (error) {
            // A mistake of the watcher must not look like one of the network.
            reject(error as Error);
            abort();
          }
        }
        if (!ended) watcher.heard();
      });
      response.once("close", () =>
        response.complete ? end({ is: "ended" }) : fail("network", "the connection broke"),
      );
    });
    request.end();
  });
}

const UNREADABLE = "unreadable";

/** One line of the stream. What an unreadable one said is found by a watch from where this one ends. */
function readEvent(line: string, about: About): WatchEvent | WatchEnd | typeof UNREADABLE {
  let event: WatchEvent | { readonly type: "ERROR"; readonly object: Status };
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return UNREADABLE;
  }
  switch (event?.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return event.object?.metadata === undefined ? UNREADABLE : event;
    case "ERROR": {
      const { code = 500 } = event.object ?? {};
      return endOf(code, JSON.stringify({ ...event.object, kind: "Status" }), {}, about);
    }
    default:
      return UNREADABLE;
  }
}

function refused(
  response: IncomingMessage,
  about: About,
  end: (how: WatchEnd) => void,
  heard: () => void,
): void {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => {
    heard();
    chunks.push(chunk);
  });
  response.once("close", () =>
    end(endOf(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), response.headers, about)),
  );
}

function endOf(status: number, body: string, headers: IncomingMessage["headers"], about: About): WatchEnd {
  if (status === 410) return { is: "gone" };
  const answer = answered({ is: "answered", status, headers, body }, false, about);
  if (answer.is === "ok") return { is: "ended" };
  const retryAfter = answer.is === "refused" ? answer.retryAfter : undefined;
  return {
    is: "failed",
    cause: answer.cause,
    ...(retryAfter === undefined ? {} : { retryAfter: millis(retryAfter) }),
  };
}

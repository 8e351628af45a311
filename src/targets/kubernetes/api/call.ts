import type { OutgoingHttpHeaders } from "node:http";
import { millis } from "../../../core/units.ts";
import { answered, broken, notJson, type About } from "./answers.ts";
import type { Answer, CallBy } from "./api.ts";
import { backoff, pause } from "./backoff.ts";
import { exchange, seconds, type Connection } from "./connection.ts";
import { requestInfo } from "./request-info.ts";

/** Bound (ms) of a call whose caller names none. */
const WITHIN = millis(10_000);
/** A server that nobody listens at is asked so often, in case it is just being restarted. */
const UNSENT_TRIES = 4;

export interface Call {
  readonly method: string;
  readonly path: string;
  /** What is to be created, which the path does not say. */
  readonly name?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Changes something: it is sent again only when nothing of it can have reached the server. */
  readonly writes: boolean;
}

/** Makes a call and, where that is safe, makes it again until the bound. `place` is for people. */
export async function call(
  connection: Connection,
  place: string,
  wanted: Call,
  { signal, within = WITHIN }: CallBy,
): Promise<Answer<string>> {
  const deadline = performance.now() + within;
  let renewed = false;
  for (let tries = 1; ; tries++) {
    const answer = await attempt(connection, place, wanted, signal, deadline - performance.now());
    if (answer.is === "refused" && answer.status === 401 && !renewed) {
      // Nothing was done. The token may just have expired or been rotated: a new one is tried once.
      renewed = true;
      continue;
    }
    const wait = pauseBefore(answer, wanted.writes, tries, deadline - performance.now());
    if (wait === undefined || signal.aborted) return answer;
    await pause(wait, signal);
    if (signal.aborted || performance.now() >= deadline) return answer;
  }
}

/** A call whose answer is a JSON object. */
export async function callJson<T>(
  connection: Connection,
  place: string,
  wanted: Call,
  by: CallBy,
): Promise<Answer<T>> {
  const answer = await call(connection, place, wanted, by);
  if (answer.is !== "ok") return answer;
  try {
    return { is: "ok", value: JSON.parse(answer.value) as T };
  } catch {
    return notJson(aboutOf(connection, place, wanted), answer.value, wanted.writes);
  }
}

async function attempt(
  connection: Connection,
  place: string,
  wanted: Call,
  signal: AbortSignal,
  left: number,
): Promise<Answer<string>> {
  const { method, path, headers = {}, body, writes } = wanted;
  const result = await bounded(
    exchange(connection, {
      method,
      path,
      headers: { accept: "application/json", ...headers },
      ...(body === undefined ? {} : { body }),
      signal,
      // A read leaves time for another try over another connection.
      quiet: writes ? left : left / 2,
      within: left,
    }),
    left,
    signal,
  );
  const about = aboutOf(connection, place, wanted);
  if (result === "late") {
    const message = `${place}: no credentials within ${seconds(left)}: the program that prints them still runs.`;
    return { is: "unsent", cause: { code: "TEAL-K105", message } };
  }
  if ("code" in result) return { is: "unsent", cause: { ...result, message: `${place}: ${result.message}` } };
  if (result.is === "answered") return answered(result, writes, about);
  if (result.how !== "aborted") connection.dropIdle();
  return broken(result, writes, about);
}

/** The exchange keeps its own bounds; waiting for credentials before it has none but this. */
async function bounded<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | "late"> {
  const over = new AbortController();
  const late = pause(ms + 50, AbortSignal.any([signal, over.signal])).then(() => pause(0, over.signal));
  const result = await Promise.race([work, late.then(() => "late" as const)]);
  over.abort();
  return result;
}

/** How long to wait (ms) before the same request is sent again; absent: this answer stands. */
function pauseBefore(
  answer: Answer<unknown>,
  writes: boolean,
  tries: number,
  left: number,
): number | undefined {
  const wait = (least = 0) => {
    const ms = Math.max(least, backoff(tries, Math.random()));
    return ms < left ? ms : undefined;
  };
  switch (answer.is) {
    case "unsent":
      return answer.cause.code === "TEAL-K106" && tries < UNSENT_TRIES ? wait() : undefined;
    case "unknown":
      return writes ? undefined : wait();
    case "refused":
      if (writes) return undefined;
      return answer.status === 429 || answer.status >= 500 ? wait(answer.retryAfter) : undefined;
    case "absent":
    case "ok":
      return undefined;
    default: {
      const never: never = answer;
      return never;
    }
  }
}

function aboutOf(connection: Connection, place: string, { method, path, name }: Call): About {
  return {
    place,
    path,
    server: connection.server.host,
    info: { ...(name === undefined ? {} : { name }), ...requestInfo(method, path) },
    secrets: connection.secrets,
  };
}

import { excerpt, redact } from "../../../core/redact.ts";
import { millis, type Cause, type Millis } from "../../../core/units.ts";
import type { Write } from "../../../ports/write.ts";
import type { Answer, Refused } from "./api.ts";
import type { Exchange } from "./connection.ts";
import { describeRequest, type RequestInfo } from "./request-info.ts";

/** The body with which an API server says that it did not do something (`meta/v1 Status`). */
export interface Status {
  readonly kind?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
  };
}

/** What a failure is told about: where, what was asked, and what must not be shown. */
export interface About {
  readonly place: string;
  readonly server: string;
  readonly info: RequestInfo;
  readonly path: string;
  readonly secrets: readonly string[];
}

type Failure = Exclude<Answer<never>, { readonly is: "ok" }>;

/** What to wait where a write was refused only for now, and nobody says for how long. */
const RETRY_AFTER = millis(1_000);

/** A read or write that did not get through at all. */
export function broken(
  exchange: Extract<Exchange, { is: "broken" }>,
  writes: boolean,
  about: About,
): Failure {
  const { stage, how } = exchange;
  const what = `${about.place}: ${describeRequest(about.info, about.path)}`;
  const detail = shown(exchange.detail, about);
  if (stage === "sent") {
    const after = writes ? "; it may have been done all the same. Look before writing again." : ".";
    return { is: "unknown", cause: { code: "TEAL-K120", message: `${what}: ${detail}${after}` } };
  }
  if (how === "aborted")
    return { is: "unsent", cause: { code: "TEAL-K121", message: `${what}: ${detail}.` } };
  if (stage === "securing" && how === "network") {
    const message = `${about.place}: the certificate of ${about.server} is not accepted: ${detail}. Correct certificate-authority or server in the kubeconfig.`;
    return { is: "unsent", cause: { code: "TEAL-K107", message } };
  }
  const message = `${about.place}: the API server ${about.server} cannot be reached: ${detail}. Check the network, VPN and the kubeconfig's server.`;
  return { is: "unsent", cause: { code: "TEAL-K106", message } };
}

/**
 * An answer of the server, whatever it was.
 * @param writes the request changes something: an answer that leaves open whether it did is `unknown`.
 */
export function answered(
  exchange: Extract<Exchange, { is: "answered" }>,
  writes: boolean,
  about: About,
): Answer<string> {
  const { status, headers, body } = exchange;
  if (status >= 200 && status < 300) return { is: "ok", value: body };
  const said = statusOf(body);
  const cause = causeOf(status, said, body, about);
  if (status === 404) return { is: "absent", cause };
  const retryAfter = retryAfterOf(headers["retry-after"], said);
  if (writes && status >= 500 && !surelyNotDone(status, said, headers["retry-after"])) {
    return {
      is: "unknown",
      cause: { ...cause, message: `${cause.message} It may have been done all the same.` },
    };
  }
  return {
    is: "refused",
    status,
    reason: said?.reason ?? "",
    cause,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** An answer with 2xx that is no JSON object: something else than an API server speaks. */
export function notJson(about: About, body: string, writes: boolean): Failure {
  const message = `${about.place}: ${about.server} answered ${describeRequest(about.info, about.path)} with something else than JSON: ${shown(body, about)}. Check the kubeconfig's server.`;
  const cause: Cause = { code: "TEAL-K122", message };
  return writes ? { is: "unknown", cause } : { is: "refused", status: 200, reason: "NotJson", cause };
}

/**
 * A 5xx says that nothing was changed only where the server said so before it tried: it is starting or stopping
 * (503 with Retry-After), or a webhook it must ask did not answer. etcd's time-outs come as 500 and 504 too, and
 * what they were about may be stored.
 */
function surelyNotDone(status: number, said: Status | undefined, retryAfter: string | undefined): boolean {
  if (said === undefined) return false;
  if (status === 503) return retryAfter !== undefined || said.details?.retryAfterSeconds !== undefined;
  return status === 500 && isWebhook(said);
}

function isWebhook(said: Status | undefined): boolean {
  return /admission webhook|failed calling webhook|ValidatingAdmissionPolicy/u.test(said?.message ?? "");
}

function causeOf(status: number, said: Status | undefined, body: string, about: About): Cause {
  const what = `${about.place}: ${describeRequest(about.info, about.path)}`;
  const quoted = shown(said?.message ?? body, about);
  const tell = (code: string, text: string): Cause => ({ code, message: `${what}: ${text}` });
  if (isWebhook(said)) return tell("TEAL-K117", `an admission policy of the cluster refused it: ${quoted}`);
  switch (status) {
    case 401:
      return tell(
        "TEAL-K110",
        "the API server does not accept the credentials. Log in again, then repeat the command.",
      );
    case 403:
      return forbidden(said, quoted, what, about);
    case 404:
      return tell("TEAL-K112", `it is not there: ${quoted}`);
    case 409:
      return conflict(said, quoted, what);
    case 410:
      return tell("TEAL-K123", `the version asked for is too far in the past: ${quoted}`);
    case 422:
      if (isUnmetPatch(said)) {
        return tell(
          "TEAL-K113",
          "the object is not as the patch expects: it was changed by somebody else meanwhile.",
        );
      }
      return tell("TEAL-K115", `the API server finds it invalid: ${quoted}`);
    case 400:
    case 415:
      return tell("TEAL-K115", `the API server finds it invalid: ${quoted}`);
    case 429:
      return tell("TEAL-K116", `the API server has too much to do and asks to come back later: ${quoted}`);
    case 503:
      return tell("TEAL-K116", `the API server is not ready to serve and asks to come back later: ${quoted}`);
    default:
      return tell("TEAL-K119", `the API server answered ${status}: ${quoted}`);
  }
}

/** 403 is a missing right, or admission (quota, pod security) that speaks for itself. */
function forbidden(said: Status | undefined, quoted: string, what: string, about: About): Cause {
  const missing = /User "([^"]*)" cannot (\S+) resource "([^"]*)"(?: in API group "([^"]*)")?/u.exec(
    said?.message ?? "",
  );
  if (missing === null)
    return { code: "TEAL-K117", message: `${what}: the cluster does not allow it: ${quoted}` };
  const [, user = "", verb = "", resource = "", group = ""] = missing;
  const kind = group === "" ? resource : `${resource}.${group}`;
  const { namespace } = about.info;
  const where = namespace === undefined ? "in the whole cluster" : `in namespace ${namespace}`;
  return {
    code: "TEAL-K111",
    message: `${what}: ${excerpt(user, 100)} may not ${verb} ${kind} ${where}. Add the verb ${verb} on ${kind} to its Role.`,
  };
}

function conflict(said: Status | undefined, quoted: string, what: string): Cause {
  if (said?.reason === "AlreadyExists") {
    return { code: "TEAL-K114", message: `${what}: it exists already: ${quoted}` };
  }
  const owners = fieldOwners(said);
  if (owners.length > 0) {
    const fields = owners.map(({ manager, field }) => `${field} (${manager})`).join(", ");
    return { code: "TEAL-K118", message: `${what}: others own these fields: ${excerpt(fields, 400)}` };
  }
  return { code: "TEAL-K113", message: `${what}: it was changed by somebody else meanwhile: ${quoted}` };
}

/** Who owns the fields that a server-side apply wanted to set: `[{ manager: "helm", field: ".spec.replicas" }]`. */
function fieldOwners(
  said: Status | undefined,
): readonly { readonly manager: string; readonly field: string }[] {
  return (said?.details?.causes ?? []).flatMap(({ reason, message = "", field = "" }) => {
    if (reason !== "FieldManagerConflict") return [];
    return [{ manager: /^conflict with "([^"]*)"/u.exec(message)?.[1] ?? message, field }];
  });
}

export function statusOf(body: string): Status | undefined {
  try {
    const said: unknown = JSON.parse(body);
    return typeof said === "object" && said !== null && (said as Status).kind === "Status" ? said : undefined;
  } catch {
    return undefined;
  }
}

/** A JSON patch of which a `test` failed or a path is missing; what the server finds invalid has causes. */
function isUnmetPatch(said: Status | undefined): boolean {
  return said?.reason === "Invalid" && (said.details?.causes ?? []).length === 0;
}

function retryAfterOf(header: string | undefined, said: Status | undefined): Millis | undefined {
  const seconds = header === undefined ? said?.details?.retryAfterSeconds : Number(header);
  return seconds !== undefined && Number.isFinite(seconds) && seconds >= 0
    ? millis(seconds * 1_000)
    : undefined;
}

/** The server quotes what it finds invalid, which may be a whole object, and with it the data of a Secret. */
function shown(text: string, about: About): string {
  const quoted = text.replace(/Invalid value: "(?:[^"\\]|\\.)*"/gu, (value) =>
    about.info.resource === "secrets" || value.length > 200 ? "Invalid value" : value,
  );
  return excerpt(redact(quoted, about.secrets), 400);
}

/** A write that did not come back with an object, in the words of the ports. Conflicts are for the caller to resolve. */
export function notWritten(answer: Failure): Extract<Write<never>, { readonly is: "rejected" | "unknown" }> {
  switch (answer.is) {
    case "absent":
      return { is: "rejected", cause: answer.cause };
    case "refused": {
      const { status, cause } = answer;
      const busy = status === 429 || status === 503;
      const retryAfter = answer.retryAfter ?? (busy ? RETRY_AFTER : undefined);
      return { is: "rejected", cause, ...(retryAfter === undefined ? {} : { retryAfter }) };
    }
    case "unsent":
      return { is: "rejected", cause: answer.cause, retryAfter: RETRY_AFTER };
    case "unknown":
      return answer;
    default: {
      const never: never = answer;
      return never;
    }
  }
}

/** Somebody else was faster: the object has another version, exists already, or is not as a JSON patch tested it. */
export function isConflict(answer: Answer<unknown>): answer is Refused {
  return answer.is === "refused" && (answer.status === 409 || isFailedTest(answer));
}

/** A `test` of a JSON patch did not hold (or a path of it is missing), told from an object that is invalid. */
export function isFailedTest(answer: Answer<unknown>): answer is Refused {
  return answer.is === "refused" && answer.status === 422 && answer.cause.code === "TEAL-K113";
}

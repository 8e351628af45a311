import type { Exchange } from "../../../ports/exchange.ts";
import { statusOf } from "../api/answers.ts";

/*
 * Whose answer it is that came through the API server's pod proxy. Found out by asking kube-apiserver 1.37:
 *
 * - The proxy passes on what a pod answers, whatever its status, and answers for itself with a `Status` object:
 *   503 "error trying to reach service: ..." where the pod could not be asked, 403 and 401 where the user may not,
 *   404 where there is no such pod, 400 "address not allowed" where the pod has no address yet.
 * - Every answer that went through an API server carries `audit-id`; a load balancer's or a login page's does not.
 * - `Location` and the links of an HTML page that lead to the pod itself get the proxy's own path in front.
 * - An answer that the pod cuts off arrives as a connection that the API server cuts off.
 */

/** Where the proxy serves the pod. */
export interface Spot {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** Path of the pod's root through the proxy, without the last slash. `https` makes the proxy speak TLS to the pod. */
export function proxyPath({ namespace, pod, port }: Spot, scheme: "http" | "https" = "http"): string {
  const prefix = scheme === "https" ? "https:" : "";
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${prefix}${encodeURIComponent(pod)}:${port}/proxy`;
}

type Answer = Extract<Exchange, { readonly is: "answer" }>;

/** What an exchange with the proxy says about the pod. */
export function answerOfPod(got: Exchange, spot: Spot): Exchange {
  if (got.is === "broken") {
    const why = `no whole answer came from the API server (${got.why}): its connection broke, or the pod cut its answer off`;
    return { is: "unknown", why };
  }
  if (got.is !== "answer") return got;
  return ownAnswer(got, spot) ?? withoutTraces(got, proxyPath(spot));
}

/** What the API server, or something in front of it, said for itself. */
export function ownAnswer(
  answer: Answer,
  spot: Spot,
): Extract<Exchange, { is: "broken" | "unknown" }> | undefined {
  // An upgraded connection is the pod's from its first byte on.
  if (answer.status === 101) return undefined;
  if (answer.headers["audit-id"] === undefined) {
    const why = `something between here and the API server answered ${answer.status} in its place`;
    return { is: "unknown", why };
  }
  const said = answer.status >= 400 ? statusOf(answer.body) : undefined;
  if (said === undefined) return undefined;
  const { message = "", reason = "" } = said;
  const unreached = /^error trying to reach service: (.*)$/su.exec(message)?.[1];
  if (unreached !== undefined) return unreachedOf(unreached);
  if (answer.status === 404 && message === `pods "${spot.pod}" not found`)
    return { is: "broken", why: "the pod is gone" };
  return { is: "unknown", why: refusal(answer.status, reason, message, spot) };
}

/** Go's words for what befell the proxy's own request to the pod; words that are not known say nothing about it. */
function unreachedOf(why: string): Extract<Exchange, { is: "broken" | "unknown" }> {
  const known = POD_FAILURES.find(([words]) => words.test(why));
  return known === undefined
    ? { is: "unknown", why: `the API server could not reach the pod: ${why}` }
    : { is: "broken", why: known[1] };
}

/** As a straight connection would have said it. What the network between may have caused is missing on purpose. */
const POD_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/connect: connection refused/u, "ECONNREFUSED"],
  [/connection reset by peer|broken pipe/u, "ECONNRESET"],
  [/malformed|bad Content-Length|too many transfer encodings|invalid/u, "no valid HTTP answer"],
  [/^EOF$|unexpected EOF|server closed idle connection/u, "closed without an answer"],
];

function refusal(status: number, reason: string, message: string, spot: Spot): string {
  if (status === 403 && message.includes('"pods/proxy"')) {
    const verb = /cannot (\S*) resource/u.exec(message)?.[1] ?? "";
    const named = verb === "" ? "*" : verb;
    return `not allowed: the right to ${named} pods/proxy in namespace ${spot.namespace} is missing`;
  }
  if (status === 401) return "the API server does not accept the credentials any more: log in again";
  if (message === "address not allowed") return "the pod has no address yet";
  return `the API server answered ${status} ${reason} for itself: ${message}`;
}

/** The answer as the pod gave it, as far as that can be told. */
function withoutTraces(answer: Answer, prefix: string): Answer {
  const { "audit-id": _ours, location, "cache-control": cache, ...headers } = answer.headers;
  const own = cache?.replace(/^no-cache, private(?:, |$)/u, "") ?? "";
  return {
    ...answer,
    headers: {
      ...headers,
      ...(own === "" ? {} : { "cache-control": own }),
      ...(location === undefined ? {} : { location: straight(location, prefix) }),
    },
    body: isHtml(answer) ? answer.body.replaceAll(`="${prefix}/`, '="/') : answer.body,
  };
}

/** A redirect within the pod without the proxy's path, which the next question gets anew. */
function straight(location: string, prefix: string): string {
  const found = /^(https?:\/\/[^/]*)?(\/.*)$/su.exec(location);
  const path = found?.[2];
  return path?.startsWith(`${prefix}/`) ? (found?.[1] ?? "") + path.slice(prefix.length) : location;
}

function isHtml(answer: Answer): boolean {
  return /^text\/html\s*(?:;|$)/iu.test(answer.headers["content-type"] ?? "");
}

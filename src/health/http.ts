import type { HttpAsk } from "../core/checks.ts";
import type { Exchange, HttpQuestion } from "../ports/exchange.ts";
import type { Reach } from "../ports/slots.ts";
import { checkBody, checkMatch, type Finding } from "./body.ts";
import { exchange } from "./exchange.ts";
import { through, type Limit, type Outcome } from "./outcome.ts";

type Answer = Exchange & { readonly is: "answer" };

/** What the check got, and for identity the headers of the answer that counts. */
export type HttpOutcome = { readonly outcome: Outcome; readonly headers?: Readonly<Record<string, string>> };

/** Asks one replica over HTTP and compares the answer with everything expected of it. */
export async function askHttp(ask: HttpAsk, reach: Reach, limit: Limit): Promise<HttpOutcome> {
  const started = performance.now();
  const result = await follow(ask, reach, limit);
  if (result.is !== "answer") return { outcome: result };
  const took = { ms: performance.now() - started, through: through(reach) };
  return { outcome: await compare(ask, result, took), headers: result.headers };
}

/** In words, as in `expected 200, got 503`. */
export function expectedStatus(ask: HttpAsk): string {
  return ask.status
    .map(([from, to]) =>
      from === to ? `${from}` : to - from === 99 && from % 100 === 0 ? `${from / 100}xx` : `${from}-${to}`,
    )
    .join(" or ");
}

function firstQuestion(ask: HttpAsk, reach: Reach): HttpQuestion {
  const given = Object.fromEntries(
    Object.entries(ask.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    host: reach.host,
    port: reach.port,
    method: ask.method,
    path: ask.path,
    headers: {
      // Frameworks refuse hosts they do not know, an IP address among them; `localhost` is what they let through.
      host: `localhost:${reach.port}`,
      "user-agent": "teal-probe",
      accept: "*/*",
      // The body is compared as it comes.
      "accept-encoding": "identity",
      connection: "close",
      ...given,
    },
    ...(ask.body === undefined ? {} : { body: ask.body }),
  };
}

/** Asks, and follows redirects as far as the check allows, always to the replica's own address. */
async function follow(
  ask: HttpAsk,
  reach: Reach,
  limit: Limit,
): Promise<Answer | (Outcome & { is: "fail" | "unknown" })> {
  let question = firstQuestion(ask, reach);
  for (let redirects = 0; ; redirects++) {
    const result = await (reach.way?.http(question, limit.signal) ?? exchange(question, limit.signal));
    if (result.is === "aborted") return timedOut(reach, limit);
    if (result.is === "unknown") return result;
    if (result.is === "invalid") return { is: "unknown", why: `not a valid request: ${result.why}` };
    if (result.is === "broken") return { is: "fail", expected: expectedStatus(ask), actual: result.why };
    const location = isRedirect(result.status) ? result.headers["location"] : undefined;
    if (location === undefined || ask.followRedirects === 0) return result;
    if (redirects === ask.followRedirects) {
      return {
        is: "fail",
        expected: expectedStatus(ask),
        actual: `more than ${ask.followRedirects} redirects`,
      };
    }
    const next = redirected(question, result.status, location);
    if (next === undefined) {
      return {
        is: "fail",
        expected: expectedStatus(ask),
        actual: `${result.status} redirect away from the replica, to ${withoutQuery(location)}`,
      };
    }
    question = next;
  }
}

function timedOut(reach: Reach, limit: Limit): Outcome & { is: "fail" | "unknown" } {
  const reason = limit.reason() as Outcome & { is: "fail" | "unknown" };
  return reason.is === "fail" ? { ...reason, actual: reason.actual + through(reach) } : reason;
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * The next question, or undefined when the redirect leads away: to another host, port or scheme than the one asked,
 * by its Host header or by its address. The connection goes to the replica in any case; a public host would be
 * answered by whatever is live.
 */
function redirected(question: HttpQuestion, status: number, location: string): HttpQuestion | undefined {
  const asked = URL.parse(`http://${question.headers["host"] ?? ""}${question.path}`);
  const next = asked === null ? null : URL.parse(location, asked.href);
  if (asked === null || next === null || next.protocol !== "http:") return undefined;
  const address = question.host.includes(":") ? `[${question.host}]` : question.host;
  if (next.host !== asked.host && next.host !== URL.parse(`http://${address}:${question.port}`)?.host)
    return undefined;
  const path = next.pathname + next.search;
  if (status === 307 || status === 308) return { ...question, path };
  // As browsers do: anything but HEAD becomes a GET without a body.
  const { host, port, headers, method } = question;
  return { host, port, headers, path, method: method === "HEAD" ? "HEAD" : "GET" };
}

async function compare(
  ask: HttpAsk,
  answer: Answer,
  took: { readonly ms: number; readonly through: string },
): Promise<Outcome> {
  const status = statusOf(answer);
  const fail = (expected: string, actual: string): Outcome => ({
    is: "fail",
    expected,
    actual,
    ...shown(answer.body),
  });
  if (!ask.status.some(([from, to]) => answer.status >= from && answer.status <= to))
    return fail(expectedStatus(ask), status);
  const header = checkHeaders(ask, answer);
  if (header?.is === "missed") return fail(header.expected, header.actual ?? status);
  const body: Finding =
    ask.expectBody === undefined ? { is: "met" } : await checkBody(answer.body, ask.expectBody, answer.cut);
  if (body.is === "missed") return fail(body.expected, body.actual ?? `${status} without it`);
  if (ask.latency !== undefined && took.ms > ask.latency) {
    const actual = `${status} after ${Math.ceil(took.ms)} ms${took.through}`;
    return fail(`an answer within ${ask.latency} ms`, actual);
  }
  return { is: "pass", actual: status, ...shown(body.found ?? "") };
}

function checkHeaders(ask: HttpAsk, answer: Answer): Finding | undefined {
  for (const [name, pattern] of Object.entries(ask.expectHeaders ?? {})) {
    const value = answer.headers[name.toLowerCase()];
    const expected = `header ${name} to match /${pattern}/`;
    if (value === undefined) return { is: "missed", expected, actual: "no such header" };
    const finding = checkMatch(value, pattern, `header ${name}`);
    if (finding.is === "missed") return { ...finding, actual: finding.actual ?? `"${value}"` };
  }
  return undefined;
}

function statusOf(answer: Answer): string {
  const location = isRedirect(answer.status) ? answer.headers["location"] : undefined;
  return location === undefined
    ? String(answer.status)
    : `${answer.status} redirect to ${withoutQuery(location)}`;
}

/** Queries of redirects carry tickets and return addresses. */
function withoutQuery(location: string): string {
  return location.split(/[?#]/u)[0] ?? "";
}

function shown(text: string): { excerpt?: string } {
  return text.trim() === "" ? {} : { excerpt: text };
}

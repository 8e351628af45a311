import type { ClientRequest } from "node:http";
import { converse } from "../../../health/exchange.ts";
import type { Exchange, HttpQuestion, Opening, Way } from "../../../ports/exchange.ts";
import type { Api } from "../api/api.ts";
import { answerOfPod, ownAnswer, proxyPath, type Spot } from "./proxy-answers.ts";

/** An answer that takes longer (ms) than this may be the API server's fault: it is asked something of its own. */
const SUSPICIOUS = 300;
/** And so long (ms) it is given to answer that. */
const PATIENCE = 200;

/**
 * The way to a pod through the API server, which needs no network between here and the pods: the right to get
 * pods/proxy is enough (create for POST).
 */
export function podProxy(api: Api, pod: string): Way {
  const spot = (port: number): Spot => ({ namespace: api.namespace, pod, port });
  return {
    name: "the API server",
    http: async (question, signal) => {
      const why = cannotPass(question);
      if (why !== undefined) return { is: "unknown", why };
      const { method, path, headers, body } = question;
      const to = proxyPath(spot(question.port)) + path;
      const got = await ask(api, { method, path: to, headers: passable(headers), body }, signal);
      return answerOfPod(got, spot(question.port));
    },
    open: async (port, signal) => openingOf(await ask(api, helloTo(spot(port)), signal), spot(port)),
  };
}

/** Why this question would reach the pod as another one; undefined when it arrives as it is. */
export function cannotPass({ headers, path }: Pick<HttpQuestion, "headers" | "path">): string | undefined {
  const consumed = Object.keys(headers).find((name) => /^(?:authorization|impersonate-.*)$/iu.test(name));
  const instead = "let the pod accept another header for it, or run Teal inside the cluster";
  if (consumed !== undefined)
    return `the header ${consumed} cannot be sent through the API server, which takes it for itself: ${instead}`;
  const plain = path.split("?")[0] ?? "";
  if (/%2f|\/\/|\/\.\.?(?:\/|$)/iu.test(plain))
    return `the path ${plain} cannot be sent through the API server, which tidies it: write it without %2F, // and dots`;
  return undefined;
}

/** The connection to the API server is kept, whatever the one to the pod is to be. */
function passable(headers: HttpQuestion["headers"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => !(name === "connection" && value === "close")),
  );
}

/**
 * The proxy speaks only HTTP, in clear or over TLS. Over TLS it begins with a greeting that an application without TLS
 * never sees as a request: whatever comes back, or a connection closed at once, shows that the port was open.
 */
function helloTo(spot: Spot): Asked {
  const headers = { host: `localhost:${spot.port}`, "user-agent": "teal-probe" };
  return { method: "GET", path: `${proxyPath(spot, "https")}/`, headers, body: undefined };
}

function openingOf(got: Exchange, spot: Spot): Opening {
  switch (got.is) {
    case "answer": {
      const own = ownAnswer(got, spot);
      if (own === undefined) return { is: "open" };
      const reached = /error trying to reach service: (?:tls|EOF|read tcp|http: server gave HTTP)/u.test(
        got.body,
      );
      return reached ? { is: "open" } : own;
    }
    case "aborted": {
      const why = `port ${spot.port} did not answer a TLS greeting through the API server in time: it may be open and silent`;
      return { is: "unknown", why };
    }
    case "broken":
      return { is: "unknown", why: `the connection to the API server broke: ${got.why}` };
    case "invalid":
    case "unknown":
      return { is: "unknown", why: got.why };
    default: {
      const never: never = got;
      return never;
    }
  }
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** One question to the API server. When no answer came in time, its own silence is told from the pod's. */
async function ask(api: Api, asked: Asked, signal: AbortSignal): Promise<Exchange> {
  const over = new AbortController();
  const control = controlQuestion(api, AbortSignal.any([signal, over.signal]));
  try {
    const got = await once(api, asked, signal);
    if (got.is !== "aborted" || !control.silent()) return got;
    return { is: "unknown", why: "the API server does not answer even a question of its own" };
  } finally {
    over.abort();
  }
}

async function once(
  api: Api,
  { method, path, headers, body }: Asked,
  signal: AbortSignal,
): Promise<Exchange> {
  if (signal.aborted) return { is: "aborted" };
  try {
    const request = (await api.open(method, path, headers, signal)) as ClientRequest;
    return await converse(request, body, signal);
  } catch (error) {
    return { is: "unknown", why: (error as Error).message };
  }
}

/** Asks the API server for its version once its answer about the pod is late. Any answer will do. */
function controlQuestion(api: Api, signal: AbortSignal): { silent(): boolean } {
  let asked: number | undefined;
  let answered = false;
  const timer = setTimeout(() => {
    asked = performance.now();
    const question = { method: "GET", path: "/version", headers: {}, body: undefined };
    void once(api, question, signal).then((got) => {
      answered = got.is === "answer";
    });
  }, SUSPICIOUS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return { silent: () => asked !== undefined && !answered && performance.now() - asked >= PATIENCE };
}

import { spawn } from "node:child_process";
import http from "node:http";
import { text } from "node:stream/consumers";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { WebSocket } from "ws";

/**
 * Users of a Service in the users' network: short requests over kept and over fresh connections, slow ones, and
 * WebSocket sessions. Run as a program, this file is those users: it asks until its standard input ends, and prints what
 * they saw. Open loop: a slow answer does not slow the others down.
 */

export interface Seen {
  readonly requests: number;
  /** Requests by kind, answered or not; of WebSockets, messages. */
  readonly kinds: Readonly<Record<string, number>>;
  /** No whole answer, or another status than 200. */
  readonly failed: number;
  readonly examples: readonly string[];
  /** WebSocket sessions that broke, without the server's saying that it goes away. */
  readonly cut: number;
  /** Sessions that the server ended by saying so; the user came again. */
  readonly toldToGo: number;
  /**
   * Requests on a kept connection that the server closed, idle, in the same moment: asked again over another one, as
   * browsers and HTTP libraries do, and counted as failed if that fails, too.
   */
  readonly askedAgain: number;
  /** Answers by revision. */
  readonly revisions: Readonly<Record<string, number>>;
  readonly slowest: number;
  /** Whole seconds. */
  readonly lasted: number;
}

export interface UsersOptions {
  readonly url: string;
  /** Requests per second. */
  readonly rate: number;
  /** WebSocket sessions at a time. */
  readonly sessions: number;
}

const STOP_MS = 60_000;

export function startUsers(
  cluster: Cluster,
  { url, rate, sessions }: UsersOptions,
): { stop(): Promise<Seen> } {
  const command = cluster.asClient([
    process.execPath,
    import.meta.filename,
    url,
    String(rate),
    String(sessions),
  ]);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  return {
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      const status = await ended.finally(() => clearTimeout(timer));
      if (status !== 0) throw new Error(`the users of ${url} ended with ${status}`);
      return JSON.parse(await output) as Seen;
    },
  };
}

/** What all of them saw. */
export function together(all: readonly Seen[]): Seen {
  const sum = (of: (seen: Seen) => number) => all.reduce((total, each) => total + of(each), 0);
  return {
    requests: sum((each) => each.requests),
    kinds: added(all.map(({ kinds }) => kinds)),
    failed: sum((each) => each.failed),
    examples: all.flatMap(({ examples }) => examples).slice(0, EXAMPLES),
    cut: sum((each) => each.cut),
    toldToGo: sum((each) => each.toldToGo),
    askedAgain: sum((each) => each.askedAgain),
    revisions: added(all.map(({ revisions }) => revisions)),
    slowest: Math.max(0, ...all.map(({ slowest }) => slowest)),
    lasted: Math.max(0, ...all.map(({ lasted }) => lasted)),
  };
}

function added(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const each of all)
    for (const [name, count] of Object.entries(each)) total[name] = (total[name] ?? 0) + count;
  return total;
}

type Kind = "kept" | "fresh" | "slow";

const EXAMPLES = 10;
const SLOW_MS = 400;
/** A user gives up after so long (ms). */
const PATIENCE = 10_000;
/** A session lasts so long (ms), with a message as often. */
const SESSION_MS = 1_000;
const MESSAGE_MS = 50;
const AT_MOST_MS = 900_000;

/** One in ten is slow; the rest come in turn over kept and fresh connections. */
function kindOf(n: number): Kind {
  if (n % 10 === 9) return "slow";
  return n % 2 === 0 ? "kept" : "fresh";
}

class Crowd {
  readonly #options: UsersOptions;
  readonly #began = performance.now();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #kinds: Record<string, number> = {};
  readonly #revisions: Record<string, number> = {};
  readonly #examples: string[] = [];
  #sent = 0;
  #failed = 0;
  #cut = 0;
  #toldToGo = 0;
  #askedAgain = 0;
  #slowest = 0;
  #stopped = false;

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), 5);
    for (let n = 0; n < options.sessions; n += 1) this.#track(this.#sessions());
  }

  async stop(): Promise<Seen> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
    return {
      requests: Object.values(this.#kinds).reduce((sum, count) => sum + count, 0),
      kinds: this.#kinds,
      failed: this.#failed,
      examples: this.#examples,
      cut: this.#cut,
      toldToGo: this.#toldToGo,
      askedAgain: this.#askedAgain,
      revisions: this.#revisions,
      slowest: Math.round(this.#slowest),
      lasted: Math.round(this.#now / 1_000),
    };
  }

  get #now(): number {
    return performance.now() - this.#began;
  }

  /** Sends what is due by now, however late the timer fired. */
  #tick(): void {
    if (this.#now > AT_MOST_MS) return;
    const due = Math.floor((this.#now / 1_000) * this.#options.rate);
    for (; this.#sent < due; this.#sent += 1) this.#track(this.#request(kindOf(this.#sent)));
  }

  #track(work: Promise<void>): void {
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  #fail(what: string): void {
    this.#failed += 1;
    if (this.#examples.length < EXAMPLES) this.#examples.push(`${new Date().toISOString()} ${what}`);
  }

  #count(kind: string): void {
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1;
  }

  async #request(kind: Kind): Promise<void> {
    const began = this.#now;
    this.#count(kind);
    const first = await this.#get(kind);
    let got = first.got;
    if (first.again) {
      this.#askedAgain += 1;
      got = (await this.#get("fresh", kind)).got;
    }
    this.#slowest = Math.max(this.#slowest, this.#now - began);
    if (got !== 200) this.#fail(`${kind}: ${got}`);
  }

  #get(how: Kind, kind = how): Promise<{ readonly got: number | string; readonly again: boolean }> {
    return new Promise((resolve) => {
      const path = kind === "slow" ? `/slow?ms=${SLOW_MS}` : "/";
      const agent = how === "kept" ? this.#agent : false;
      let heard = false;
      const request = http.get(new URL(path, this.#options.url), { agent, timeout: PATIENCE });
      const broke = ({ code, message }: NodeJS.ErrnoException) => {
        const closedMeanwhile = request.reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
        resolve({ got: code ?? message, again: closedMeanwhile && !heard });
      };
      request.on("response", (response) => {
        heard = true;
        const { "x-revision": revision = "nobody" } = response.headers;
        this.#revisions[String(revision)] = (this.#revisions[String(revision)] ?? 0) + 1;
        response.resume();
        response.on("error", broke);
        response.on("end", () => resolve({ got: response.statusCode ?? 0, again: false }));
      });
      request.on("timeout", () => request.destroy(new Error(`no answer in ${PATIENCE / 1_000} s`)));
      request.on("error", broke);
    });
  }

  /** One session after another. */
  async #sessions(): Promise<void> {
    while (!this.#stopped && this.#now < AT_MOST_MS) await this.#session();
  }

  #session(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#options.url.replace("http", "ws"), { handshakeTimeout: PATIENCE });
      const began = this.#now;
      let leaving = false;
      let unanswered = 0;
      const timer = setInterval(() => {
        if (socket.readyState !== WebSocket.OPEN || leaving) return;
        if (this.#now - began > SESSION_MS || this.#stopped) {
          if (unanswered > 0 && this.#now - began < SESSION_MS + PATIENCE) return;
          leaving = true;
          return socket.close(1000);
        }
        this.#count("websocket");
        unanswered += 1;
        socket.send("still there?");
      }, MESSAGE_MS);
      let why = "";
      socket.on("message", () => (unanswered -= 1));
      socket.on("error", (error) => (why = error.message));
      socket.on("close", (code) => {
        clearInterval(timer);
        if (code === 1001 || code === 1005) this.#toldToGo += leaving ? 0 : 1;
        else if (code !== 1000) {
          this.#cut += 1;
          this.#fail(`websocket: ${code} ${why}`);
        }
        resolve();
      });
    });
  }
}

if (process.argv[1] === import.meta.filename) {
  const [url = "", rate, sessions] = process.argv.slice(2);
  const crowd = new Crowd({ url, rate: Number(rate), sessions: Number(sessions) });
  await text(process.stdin);
  process.stdout.write(JSON.stringify(await crowd.stop()));
}

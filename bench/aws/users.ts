import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool, type Dispatcher } from "undici";

/**
 * Users of a load balancer, who know its addresses: short requests over kept and over fresh connections, slow ones, and
 * sessions that send back every cookie they are given. Run as a program, this file is those users: they ask from when
 * they are told how until they are told to stop, and tell what they saw. Open loop: a slow answer does not slow the
 * others down.
 */

export interface UsersOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly host: string;
  /** Requests per second. */
  readonly rate: number;
  /** No more than this many requests. */
  readonly atMost: number;
}

export interface Seen {
  /** Requests by kind, answered or not. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly requests: number;
  /** No whole answer, another status than 200, or one from nobody. */
  readonly failed: number;
  readonly examples: readonly string[];
  /** Answers by revision. */
  readonly revisions: Readonly<Record<string, number>>;
  /** Requests without cookies, sent and answered while all traffic was confirmed to go to one revision: of another one. */
  readonly astray: number;
  readonly settled: number;
  /** Of requests that brought the cookie of a target group: answers from elsewhere. */
  readonly unstuck: number;
  readonly brought: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** s */
  readonly lasted: number;
}

/** `expect`: from now on all are answered by this revision; `null`: by whichever. Each is told to be known. */
type Order =
  | { readonly order: "ask"; readonly options: UsersOptions }
  | { readonly order: "expect"; readonly revision: string | null }
  | { readonly order: "stop" };
type News = { readonly news: "known" } | { readonly news: "seen"; readonly seen: Seen };

export interface Users {
  /** Resolves when the users know it. */
  expect(revision: string | null): Promise<void>;
  /** They send what little is left; resolves when the last one on its way is over. */
  stop(): Promise<Seen>;
  /** Ends the process, however it goes. */
  end(): void;
}

const STOP_MS = 60_000;

export function startUsers(options: UsersOptions): Users {
  const child = fork(import.meta.filename, [AS_PROGRAM], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the users ended with ${String(code)}`);
  });
  ended.catch(() => {});
  const answer = async (order: Order): Promise<News> => {
    const late = AbortSignal.timeout(STOP_MS);
    const heard = once(child, "message", { signal: late }) as Promise<[News]>;
    child.send(order);
    const [news] = await Promise.race([heard, ended]);
    return news;
  };
  const asking = answer({ order: "ask", options });
  return {
    async expect(revision) {
      await asking;
      await answer({ order: "expect", revision });
    },
    async stop() {
      await asking;
      const news = await answer({ order: "stop" });
      if (news.news !== "seen") throw new Error("the users did not tell what they saw");
      return news.seen;
    },
    end: () => void child.kill("SIGKILL"),
  };
}

type Kind = "kept" | "sticky" | "fresh" | "slow";
/** Of ten requests. */
const KINDS: readonly Kind[] = [
  "kept",
  "sticky",
  "kept",
  "fresh",
  "kept",
  "sticky",
  "kept",
  "kept",
  "sticky",
  "slow",
];
const SLOW_MS = 200;
/** A user gives up after so long (ms). */
const PATIENCE = 10_000;
/** Who is told to stop sends what is left, as far as it is due within so long (ms). */
const REST = 10_000;
/** A session forgets its cookies after so many answers, as one that was closed. */
const SESSION = 40;
const SESSIONS = 60;
const EXAMPLES = 10;
const GROUP_COOKIE = "AWSALBTG";

interface Session {
  readonly cookies: Map<string, string>;
  answers: number;
  /** Who answered last. */
  by: string | undefined;
  /** Its last request is not answered yet: a browser would send the cookies that it has. */
  busy: boolean;
}

class Crowd {
  readonly #options: UsersOptions;
  readonly #kept: readonly Pool[];
  readonly #fresh: readonly Pool[];
  readonly #sessions: readonly Session[] = Array.from({ length: SESSIONS }, () => ({
    cookies: new Map<string, string>(),
    answers: 0,
    by: undefined,
    busy: false,
  }));
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #kinds: Record<Kind, number> = { kept: 0, sticky: 0, fresh: 0, slow: 0 };
  readonly #revisions: Record<string, number> = {};
  readonly #examples: string[] = [];
  /** Answers by how long they took: whole ms, the last one for all that are longer. */
  readonly #took = new Uint32Array(PATIENCE + 1);
  #expected: string | null = null;
  /** Counts up with each order to expect something. */
  #orders = 0;
  #sent = 0;
  #open = 0;
  #failed = 0;
  #astray = 0;
  #settled = 0;
  #unstuck = 0;
  #brought = 0;
  #slowest = 0;
  #over: () => void = () => {};

  constructor(options: UsersOptions) {
    this.#options = options;
    const pools = () =>
      options.addresses.map(
        (address) =>
          new Pool(`http://${address}:${options.port}`, {
            connections: 64,
            pipelining: 1,
            headersTimeout: PATIENCE,
            bodyTimeout: PATIENCE,
          }),
      );
    this.#kept = pools();
    this.#fresh = pools();
    this.#timer = setInterval(() => this.#tick(), 4);
  }

  expect(revision: string | null): void {
    this.#expected = revision;
    this.#orders += 1;
  }

  async stop(): Promise<Seen> {
    const until = performance.now() + REST;
    while (this.#sent < this.#options.atMost && performance.now() < until) await sleep(5);
    clearInterval(this.#timer);
    const lasted = (performance.now() - this.#began) / 1_000;
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#over = resolve));
    await Promise.all([...this.#kept, ...this.#fresh].map((pool) => pool.destroy()));
    return {
      kinds: this.#kinds,
      requests: this.#sent,
      failed: this.#failed,
      examples: this.#examples,
      revisions: this.#revisions,
      astray: this.#astray,
      settled: this.#settled,
      unstuck: this.#unstuck,
      brought: this.#brought,
      p50: this.#quantile(0.5),
      p99: this.#quantile(0.99),
      slowest: Math.round(this.#slowest),
      lasted: Number(lasted.toFixed(1)),
    };
  }

  /** Sends what is due by now, however late the timer fired. */
  #tick(): void {
    const seconds = (performance.now() - this.#began) / 1_000;
    const due = Math.min(this.#options.atMost, Math.floor(seconds * this.#options.rate));
    for (; this.#sent < due; this.#sent += 1) this.#request(this.#sent);
  }

  #request(n: number): void {
    const kind = KINDS[n % KINDS.length] ?? "kept";
    const free = kind === "sticky" ? this.#sessions.find(({ busy }) => !busy) : undefined;
    const session = kind === "sticky" ? free : undefined;
    this.#kinds[kind] += 1;
    this.#open += 1;
    const brings = session?.cookies.has(GROUP_COOKIE) ?? false;
    const before = session?.by;
    const { order, began } = { order: this.#orders, began: performance.now() };
    const expected = session === undefined ? this.#expected : null;
    if (session !== undefined) session.busy = true;
    const pools = kind === "fresh" ? this.#fresh : this.#kept;
    // Not in step with the kinds: each kind meets each address.
    const pool = pools[Math.floor(n / KINDS.length) % pools.length]!;
    pool.dispatch(
      {
        method: "GET",
        path: kind === "slow" ? `/slow?ms=${SLOW_MS}` : "/",
        headers: {
          host: this.#options.host,
          ...(session === undefined || session.cookies.size === 0 ? {} : { cookie: cookiesOf(session) }),
        },
        reset: kind === "fresh",
      },
      new Answer((answered) => {
        this.#open -= 1;
        const took = performance.now() - began;
        this.#slowest = Math.max(this.#slowest, took);
        this.#took[Math.min(PATIENCE, Math.round(took))]! += 1;
        if (answered.status !== 200 || answered.by === undefined)
          this.#fail(`${kind}: ${answered.error ?? `${answered.status} of ${answered.by ?? "nobody"}`}`);
        else this.#revisions[answered.by] = (this.#revisions[answered.by] ?? 0) + 1;
        if (expected !== null && order === this.#orders) {
          this.#settled += 1;
          if (answered.by !== expected) this.#astray += 1;
        }
        if (brings) {
          this.#brought += 1;
          if (answered.by !== before) this.#unstuck += 1;
        }
        if (session !== undefined) keep(session, answered);
        if (this.#open === 0) this.#over();
      }),
    );
  }

  #fail(what: string): void {
    this.#failed += 1;
    if (this.#examples.length < EXAMPLES) this.#examples.push(`${new Date().toISOString()} ${what}`);
  }

  #quantile(share: number): number {
    const all = this.#took.reduce((sum, count) => sum + count, 0);
    let below = 0;
    return this.#took.findIndex((count) => (below += count) >= share * all);
  }
}

interface Answered {
  readonly status: number;
  readonly by: string | undefined;
  readonly cookies: readonly string[];
  readonly error?: string;
}

class Answer implements Dispatcher.DispatchHandler {
  readonly #told: (answered: Answered) => void;
  #answered: Answered = { status: 0, by: undefined, cookies: [] };

  constructor(told: (answered: Answered) => void) {
    this.#told = told;
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: unknown,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const by = headers["x-revision"];
    this.#answered = {
      status,
      by: typeof by === "string" ? by : undefined,
      cookies: [headers["set-cookie"] ?? []].flat(),
    };
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#told(this.#answered);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    this.#told({ ...this.#answered, status: 0, error: `${code ?? ""} ${error.message}` });
  }
}

function cookiesOf({ cookies }: Session): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

function keep(session: Session, { cookies, by }: Answered): void {
  session.busy = false;
  session.by = by;
  for (const cookie of cookies) {
    const [, name, value] = /^([^=]+)=([^;]*)/u.exec(cookie) ?? [];
    if (name !== undefined && value !== undefined) session.cookies.set(name, value);
  }
  session.answers += 1;
  if (session.answers < SESSION) return;
  session.cookies.clear();
  session.answers = 0;
}

const AS_PROGRAM = "as-program";

if (process.argv[2] === AS_PROGRAM) {
  let crowd: Crowd | undefined;
  const tell = (news: News) => process.send?.(news);
  process.on("message", (order: Order) => {
    switch (order.order) {
      case "ask":
        crowd = new Crowd(order.options);
        return tell({ news: "known" });
      case "expect":
        crowd?.expect(order.revision);
        return tell({ news: "known" });
      case "stop":
        void crowd?.stop().then((seen) => {
          tell({ news: "seen", seen });
          process.disconnect();
        });
    }
  });
  // Whoever started them is gone.
  process.on("disconnect", () => process.exit(0));
}

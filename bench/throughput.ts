import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { median, quantile, rounded, usage } from "./figures.ts";
import { startProxy, type Proxy } from "./proxies.ts";
import { mustDeploy, trivialService } from "./service.ts";

/** Users at once, each asking again as soon as it was answered: as many as the facts about proxies were measured with. */
const CONNECTIONS = 64;

export interface ThroughputOptions {
  readonly rounds: number;
  /** Length of one round of one way, in ms. */
  readonly round: number;
  /** Requests one after another, to see what one of them costs when nobody else is there. */
  readonly alone: number;
}

/** Medians over the rounds. Times in ms, CPU in µs per request, memory in MB after the last round. */
export interface Way {
  readonly requestsPerSecond: number;
  readonly ratioToDirect: number;
  readonly p50: number;
  readonly p99: number;
  readonly aloneP50: number;
  readonly cpu?: number;
  readonly rss?: number;
  readonly version?: string;
}

interface Running {
  readonly name: string;
  readonly url: string;
  readonly pid?: number;
  readonly version?: string;
}

/** One replica, asked directly and through each proxy, in rounds that take turns. */
export async function measureThroughput(
  options: ThroughputOptions,
): Promise<{ readonly ways: Readonly<Record<string, Way>>; readonly skipped: readonly string[] }> {
  const service = await trivialService();
  const proxies: (Proxy & { readonly is: "running" })[] = [];
  try {
    await mustDeploy(service, "v1");
    const reach = await service.connection.target.slots.reach("blue", service.signal);
    const replica = reach.is === "seen" ? reach.value[0] : undefined;
    if (replica === undefined) throw new Error("no replica to ask");
    const upstream = `${replica.host}:${replica.port}`;
    const ways: Running[] = [
      { name: "direct", url: `http://${upstream}` },
      { name: "edge", url: await service.address(), pid: await service.edgePid() },
    ];
    const skipped: string[] = [];
    for (const name of ["haproxy", "caddy"] as const) {
      const proxy = await startProxy(name, upstream);
      if (proxy.is === "skipped") {
        skipped.push(proxy.because);
        continue;
      }
      proxies.push(proxy);
      ways.push({ name, ...proxy });
    }
    return { ways: await inTurns(ways, options), skipped };
  } finally {
    for (const proxy of proxies) await proxy.stop();
    await service.end();
  }
}

async function inTurns(
  ways: readonly Running[],
  { rounds, round, alone }: ThroughputOptions,
): Promise<Readonly<Record<string, Way>>> {
  const measured = new Map(ways.map(({ name }) => [name, [] as Round[]]));
  for (const way of ways) await saturate(way, round / 2); // so that everybody's code is compiled
  for (let n = 0; n < rounds; n += 1) {
    for (const way of n % 2 === 0 ? ways : ways.toReversed()) {
      measured.get(way.name)?.push({ ...(await saturate(way, round)), alone: await oneByOne(way, alone) });
    }
  }
  const direct = median((measured.get("direct") ?? []).map(({ perSecond }) => perSecond));
  return Object.fromEntries(
    ways.map((way) => [way.name, summary(way, measured.get(way.name) ?? [], direct)]),
  );
}

interface Saturated {
  readonly perSecond: number;
  readonly took: readonly number[];
  /** µs for each request. */
  readonly cpu: number | undefined;
}
type Round = Saturated & { readonly alone: readonly number[] };

function summary({ pid, version }: Running, rounds: readonly Round[], direct: number): Way {
  const perSecond = median(rounds.map((each) => each.perSecond));
  const cpu = rounds.flatMap((each) => each.cpu ?? []);
  const rss = pid === undefined ? undefined : usage(pid)?.rss;
  return {
    requestsPerSecond: Math.round(perSecond),
    ratioToDirect: rounded(perSecond / direct),
    p50: rounded(median(rounds.map(({ took }) => quantile(took, 0.5)))),
    p99: rounded(median(rounds.map(({ took }) => quantile(took, 0.99)))),
    aloneP50: rounded(median(rounds.map((each) => median(each.alone)))),
    ...(cpu.length === 0 ? {} : { cpu: rounded(median(cpu)) }),
    ...(rss === undefined ? {} : { rss: Math.round(rss) }),
    ...(version === undefined ? {} : { version }),
  };
}

async function saturate({ url, pid }: Running, ms: number): Promise<Saturated> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const took: number[] = [];
  const before = pid === undefined ? undefined : usage(pid);
  const began = performance.now();
  const user = async () => {
    while (performance.now() - began < ms) took.push(await askOnce(pool));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, user));
  const lasted = performance.now() - began;
  const after = pid === undefined ? undefined : usage(pid);
  await pool.close();
  const cpu =
    before === undefined || after === undefined ? undefined : (after.cpu - before.cpu) / took.length;
  await sleep(50); // what closes its connections now should not be counted to the next one
  return { perSecond: (1_000 * took.length) / lasted, took, cpu };
}

async function oneByOne({ url }: Running, count: number): Promise<readonly number[]> {
  const pool = new Pool(url, { connections: 1, pipelining: 1 });
  const took: number[] = [];
  for (let n = 0; n < count; n += 1) took.push(await askOnce(pool));
  await pool.close();
  return took;
}

/** @returns ms until the whole answer was there. */
async function askOnce(pool: Pool): Promise<number> {
  const began = performance.now();
  const { statusCode, body } = await pool.request({ path: "/", method: "GET" });
  await body.dump();
  if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  return performance.now() - began;
}

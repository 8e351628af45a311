import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedCluster, type Cluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy, type Fault, type FaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { between, pick, seeded } from "../../../../test/simulation/random.ts";
import { millis } from "../../../core/units.ts";
import type { Api, Mirror } from "./api.ts";
import type { Pace } from "./mirror.ts";
import type { ConfigMap } from "./objects.ts";
import { paths } from "./paths.ts";
import { apiOf, BY, configMap, makeConfigMap, QUICK } from "./testing.ts";

let cluster: Cluster;
let namespace: string;
/** Straight to the API server. */
let direct: Api;

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await cluster.namespace("mirror");
  direct = await apiOf(cluster.kubeconfig, namespace);
});

afterAll(async () => {
  direct?.close();
  await cluster?.stop();
});

/** Runs with a mirror of the config maps labelled `part`, seen through a fault proxy. */
async function through(
  part: string,
  seed: number,
  act: (mirror: Mirror<ConfigMap>, proxy: FaultProxy, api: Api) => Promise<void>,
  pace: Pace = QUICK,
): Promise<void> {
  const proxy = await startFaultProxy({ upstream: cluster.kubeconfig, seed });
  const api = await apiOf(proxy.kubeconfig, namespace, pace);
  try {
    await act(api.mirror<ConfigMap>(paths.configMaps(namespace), { labels: `part=${part}` }), proxy, api);
  } finally {
    api.close();
    await proxy.stop();
  }
}

/** Waits, moved only by the mirror's own news, until it shows what is expected. */
async function until(
  mirror: Mirror<ConfigMap>,
  what: string,
  holds: (items: readonly ConfigMap[]) => boolean | Promise<boolean>,
): Promise<readonly ConfigMap[]> {
  const limit = AbortSignal.timeout(60_000);
  for (;;) {
    const changed = mirror.changed(limit);
    const read = await mirror.read({ signal: limit });
    if (read.is === "seen" && (await holds(read.items))) return read.items;
    if (limit.aborted) throw new Error(`never ${what}: ${JSON.stringify(read).slice(0, 500)}`);
    await changed;
  }
}

const names = (items: readonly ConfigMap[]): readonly string[] => items.map(({ metadata }) => metadata.name);

const WATCH_FAULTS: readonly (readonly [string, Fault])[] = [
  ["a dead socket", { is: "dead" }],
  ["a reset before it began", { is: "reset", when: "before" }],
  ["a reset when it began", { is: "reset", when: "after" }],
  ["a reset in the middle of an event", { is: "reset", when: "amid" }],
  ["a clean close", { is: "close", when: "amid" }],
  ["a close before it began", { is: "close", when: "before" }],
  ["a stall in the middle of an event", { is: "stall" }],
  ["410 as a status", { is: "answer", status: 410 }],
  ["410 as an event", { is: "goneEvent" }],
  ["429 with Retry-After", { is: "answer", status: 429, retryAfter: 0 }],
  ["a 500", { is: "answer", status: 500 }],
  ["a 503", { is: "answer", status: 503 }],
  ["duplicated events", { is: "duplicate" }],
  ["dropped events", { is: "drop", share: 1 }],
  ["events in tiny pieces, characters cut apart", { is: "chop" }],
  ["slow answers", { is: "slow", ms: 100 }],
];

/** Faults after which the server must be asked for everything again. */
/** As quick, but nothing is listed again only because the machine is slow: lists are counted. */
const COUNTED: Pace = { ...QUICK, relist: millis(60_000), list: millis(20_000) };

const FORGETTING = ["410 as a status", "410 as an event"];
/** Only a list finds what no watch told. */
const LOSING = ["dropped events"];

describe("a mirror sees every change in spite of", () => {
  it.each(WATCH_FAULTS)("%s", async (what, fault) => {
    const part = what.toLowerCase().replaceAll(/\W+/gu, "-");
    const see = async (mirror: Mirror<ConfigMap>, proxy: FaultProxy) => {
      if (LOSING.includes(what)) proxy.rate(1, [fault], { verb: "watch" });
      else proxy.next({ verb: "watch" }, fault);
      expect(await mirror.read(BY)).toMatchObject({ is: "seen", items: [] });
      const made: string[] = [];
      for (let count = 1; count <= 8; count++) {
        await makeConfigMap(direct, `${part}-${count}`, part);
        made.push(`${part}-${count}`);
        // Each by itself: several events could hide that one of them never came.
        await until(mirror, `has ${count}`, (items) => names(items).join() === made.join());
      }
      await direct.remove(paths.configMaps(namespace, made[3] ?? ""), {}, BY);
      await until(mirror, "loses one", (items) => items.length === 7);
      expect(proxy.pending()).toBe(0);
      if (LOSING.includes(what)) return;
      expect(proxy.counts()["list configmaps"]).toBe(FORGETTING.includes(what) ? 2 : 1);
    };
    await through(part, 1, see, LOSING.includes(what) ? QUICK : COUNTED);
  });

  it.each<readonly [string, Fault]>([
    ["a dead socket", { is: "dead" }],
    ["a reset", { is: "reset", when: "amid" }],
    ["a stall", { is: "stall" }],
    ["410", { is: "answer", status: 410 }],
    ["429", { is: "answer", status: 429, retryAfter: 0 }],
    ["503", { is: "answer", status: 503 }],
    ["tiny pieces", { is: "chop" }],
  ])("lists that meet %s", async (what, fault) => {
    const part = `list-${what.replaceAll(/\W+/gu, "-")}`;
    await makeConfigMap(direct, `${part}-1`, part);
    await through(part, 1, async (mirror, proxy) => {
      proxy.next({ verb: "list" }, fault);
      await until(mirror, "has it", (items) => items.length === 1);
      await makeConfigMap(direct, `${part}-2`, part);
      await until(mirror, "has both", (items) => items.length === 2);
      expect(proxy.happened()).toEqual({ [fault.is]: 1 });
    });
  });
});

describe("reading a mirror", () => {
  it("costs one list and one watch, however often it is read", async () => {
    await through("often", 1, async (_, proxy) => {
      const api = await apiOf(proxy.kubeconfig, namespace);
      const [one, other] = [1, 2].map(() =>
        api.mirror(paths.configMaps(namespace), { labels: "part=often" }),
      );
      await one?.read(BY);
      const begun = one?.changed(BY.signal);
      await makeConfigMap(direct, "often-1", "often");
      await begun; // the watch is there
      for (let count = 0; count < 500; count++) {
        const read = await (count % 2 === 0 ? one : other)?.read({ ...BY, fresh: millis(5_000) });
        expect(read).toMatchObject({ is: "seen", items: [{ metadata: { name: "often-1" } }] });
        if (count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(proxy.counts()).toEqual({ "list configmaps": 1, "watch configmaps": 1 });
      api.close();
    });
  });

  it("asks for nothing but the watch while nobody reads or waits", async () => {
    await through(
      "idle",
      1,
      async (mirror, proxy) => {
        await mirror.read(BY);
        await new Promise((resolve) => setTimeout(resolve, QUICK.relist * 2));
        expect(proxy.counts()["list configmaps"]).toBe(1);
        expect(await mirror.read(BY)).toMatchObject({ is: "seen" });
        expect(proxy.counts()["list configmaps"]).toBe(2);
      },
      { ...QUICK, list: millis(20_000) },
    );
  });

  it("keeps no process alive once it is closed", async () => {
    await through("exit", 1, async (_, proxy) => {
      const program = `
        const { apiOf, BY } = await import(${JSON.stringify(join(import.meta.dirname, "testing.ts"))});
        const api = await apiOf(${JSON.stringify(proxy.kubeconfig)}, ${JSON.stringify(namespace)});
        const mirror = api.mirror("/api/v1/namespaces/${namespace}/configmaps", {});
        const read = await mirror.read(BY);
        const changed = mirror.changed(BY.signal);
        const late = mirror.read({ ...BY, fresh: 0 });
        api.close();
        await changed;
        console.log(read.is, (await late).is);`;
      const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
        timeout: 20_000,
      });
      expect((await run).stdout).toBe("seen unreadable\n");
    });
  });

  it("is never older than asked for, while the watch is silent", async () => {
    await through("fresh", 1, async (mirror, proxy) => {
      proxy.next({ verb: "watch" }, { is: "drop", share: 1 }, 100);
      await mirror.read(BY);
      await makeConfigMap(direct, "fresh-1", "fresh");
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await mirror.read({ ...BY, fresh: millis(20) })).toMatchObject({
        is: "seen",
        items: [{ kind: "ConfigMap" }],
      });
    });
  });

  it("is unreadable when nothing as fresh can be had, and still shows what was seen last", async () => {
    await through("stale", 1, async (mirror, proxy) => {
      await makeConfigMap(direct, "stale-1", "stale");
      expect(await mirror.read(BY)).toMatchObject({ is: "seen" });
      proxy.rate(1, [{ is: "reset", when: "before" }]);
      proxy.cut("reset");
      await new Promise((resolve) => setTimeout(resolve, 50));
      const fresh = await mirror.read({ ...BY, fresh: millis(20) });
      expect(fresh).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K120" } });
      expect(await mirror.read(BY)).toMatchObject({ is: "seen", items: [{ metadata: { name: "stale-1" } }] });
    });
  });

  it("says why nothing was ever seen", async () => {
    await through("never", 1, async (mirror, proxy) => {
      proxy.rate(1, [{ is: "dead" }]);
      expect(await mirror.read({ ...BY, within: millis(100) })).toMatchObject({ is: "unreadable" });
    });
  });

  it("shows an own write at once, and no news from before it", async () => {
    await through("own", 1, async (mirror, proxy, api) => {
      await mirror.read(BY);
      proxy.next({ verb: "watch" }, { is: "slow", ms: 300 });
      proxy.cut("reset"); // the next watch tells everything late
      const made = await makeConfigMap(api, "own-1", "own");
      mirror.put(made);
      expect(await mirror.read(BY)).toMatchObject({ is: "seen", items: [{ metadata: { name: "own-1" } }] });
      const path = paths.configMaps(namespace, "own-1");
      const patched = await api.patch<ConfigMap>(
        path,
        { by: "merge", body: { data: { text: "second" } } },
        BY,
      );
      if (patched.is !== "ok") throw new Error(patched.cause.message);
      mirror.put(patched.value);
      const seen: unknown[] = [];
      const limit = AbortSignal.timeout(1_500);
      while (!limit.aborted) {
        const read = await mirror.read(BY);
        seen.push(read.is === "seen" ? read.items[0]?.data?.["text"] : read);
        await mirror.changed(AbortSignal.any([limit, AbortSignal.timeout(50)]));
      }
      expect(new Set(seen)).toEqual(new Set(["second"]));
      await api.remove(path, {}, BY);
      mirror.drop(made.metadata.uid ?? "");
      expect(await mirror.read(BY)).toMatchObject({ is: "seen", items: [] });
    });
  });

  it("ends at once when it is cancelled or the connection is closed", async () => {
    await through("end", 1, async (mirror, proxy, api) => {
      proxy.rate(1, [{ is: "dead" }]);
      const stop = new AbortController();
      const cancelled = mirror.read({ signal: stop.signal });
      const closed = mirror.read(BY);
      const changed = mirror.changed(BY.signal);
      stop.abort();
      expect(await cancelled).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K121" } });
      api.close();
      expect(await closed).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K121" } });
      await changed;
    });
  });
});

const ANY_FAULT: readonly Fault[] = [
  ...WATCH_FAULTS.map(([, fault]) => fault),
  { is: "drop", share: 0.3 },
  { is: "late", ms: 50 },
  { is: "answer", status: 409 },
  { is: "slow", ms: 30 },
];

/** Makes, changes, relabels and removes config maps at random. */
async function upheaval(part: string, random: () => number, steps: number): Promise<void> {
  const there = new Set<string>();
  for (let step = 0; step < steps; step++) {
    const name =
      there.size > 3 || (there.size > 0 && random() < 0.5) ? pick(random, [...there]) : `${part}-${step}`;
    const path = paths.configMaps(namespace, name);
    if (!there.has(name)) {
      there.add(name);
      await direct.create(paths.configMaps(namespace), configMap(name, part, { step: String(step) }), BY);
    } else if (random() < 0.4) {
      there.delete(name);
      await direct.remove(path, {}, BY);
    } else {
      const label = random() < 0.3 ? "elsewhere" : part;
      const body = { metadata: { labels: { part: label } }, data: { step: String(step) } };
      await direct.patch(path, { by: "merge", body }, BY);
    }
    await new Promise((resolve) => setTimeout(resolve, between(random, 0, 40)));
  }
}

/** Looks at everything the mirror shows on its way: nothing may go back in time, or vanish and be back unchanged. */
async function observe(mirror: Mirror<ConfigMap>, signal: AbortSignal): Promise<void> {
  const newest = new Map<string, number>();
  let before = new Set<string>();
  while (!signal.aborted) {
    const read = await mirror.read({ signal });
    if (read.is === "seen") {
      for (const { metadata } of read.items) {
        const { uid = "", name } = metadata;
        const version = Number(metadata.resourceVersion);
        const least = (newest.get(uid) ?? 0) + (before.has(uid) ? 0 : 1);
        expect(
          version,
          `${name}, ${before.has(uid) ? "shown all along" : "back again"}`,
        ).toBeGreaterThanOrEqual(least);
        newest.set(uid, version);
      }
      before = new Set(read.items.map(({ metadata }) => metadata.uid ?? ""));
    }
    await mirror.changed(signal);
  }
}

/** Wants to know the present again and again: lists go on beside the watch, and may be overtaken by it. */
async function hurry(mirror: Mirror<ConfigMap>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await mirror.read({ signal, fresh: millis(10) });
    await mirror.changed(AbortSignal.any([signal, AbortSignal.timeout(20)]));
  }
}

describe("a mirror ends up with what the server has", () => {
  const seeds = Array.from({ length: Number(process.env["TEAL_SEEDS"] ?? 40) }, (_, at) => at + 1);

  it.concurrent.each(seeds)("whatever happens (seed %i)", async (seed) => {
    const part = `seed-${seed}`;
    const random = seeded(seed);
    await through(part, seed, async (mirror, proxy) => {
      proxy.rate(0.6, ANY_FAULT);
      const stop = new AbortController();
      const observed = Promise.all([observe(mirror, stop.signal), hurry(mirror, stop.signal)]);
      await upheaval(part, random, 25);
      proxy.clear();
      const list = await direct.list<ConfigMap>(paths.configMaps(namespace), { labels: `part=${part}` }, BY);
      if (list.is !== "ok") throw new Error(list.cause.message);
      const wanted = list.value.items
        .map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`)
        .sort();
      await until(mirror, `the same as the server's (${wanted.length})`, (items) => {
        const had = items.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort();
        return had.join() === wanted.join();
      });
      stop.abort();
      await observed;
    });
  });
});

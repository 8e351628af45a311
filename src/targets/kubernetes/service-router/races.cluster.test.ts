import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { seeded } from "../../../../test/simulation/random.ts";
import { allTo, NOBODY } from "../../../core/routing.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import type { Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ANNOTATIONS, slotLabels } from "../names.ts";
import { createServiceRouter } from "./router.ts";
import { apiOf, applyLive, applySlots, as, NEVER, settingsOf } from "./test-support.ts";

const cluster = await sharedCluster();
const apis: Api[] = [];
let namespace = "";

beforeAll(async () => {
  namespace = await cluster.namespace("races");
  await applySlots(cluster, namespace, 0);
});
afterAll(() => {
  for (const api of apis) api.close();
});

/** One operator: connections and watches of its own. */
async function operator(live: string, kubeconfig = cluster.kubeconfig) {
  const settings = settingsOf(namespace, kubeconfig, live);
  const api = await apiOf(settings);
  apis.push(api);
  return { api, router: createServiceRouter(api, settings) };
}

async function seen(api: Api, live: string): Promise<Service> {
  const answer = await api.get<Service>(paths.services(namespace, live), { signal: NEVER });
  if (answer.is !== "ok") throw new Error(answer.cause.message);
  return answer.value;
}

const fresh = async (metadata: object = {}) => {
  await cluster.kubectl("delete", "lease", "teal-shop", "-n", namespace, "--ignore-not-found");
  return applyLive(cluster, namespace, slotLabels("shop", "blue"), { metadata });
};

const version = async (router: Awaited<ReturnType<typeof operator>>["router"]) => {
  const read = await router.observe(NEVER);
  if (read.is !== "seen") throw new Error(read.cause.message);
  return read.version;
};

/** Two that start beside each other: whoever won starts a little later next time, so that either often wins on any machine. */
function evenRace(random: () => number) {
  let headStart = 0; // milliseconds of the first one's; below 0 of the second one's
  return {
    first: () => sleep(Math.max(0, -headStart)),
    second: () => sleep(Math.max(0, headStart)),
    won: (who: "first" | "second") => void (headStart += (1 + random() * 3) * (who === "first" ? -1 : 1)),
  };
}

describe("two operators", () => {
  test("of 1,000 races no write of the one who is shut out lands after the other's claim", async () => {
    const live = await fresh();
    const zombie = await operator(live.name);
    const owner = await operator(live.name);
    const random = seeded(7);
    const outcomes = { applied: 0, unchanged: 0, fenced: 0 };
    const race = evenRace(random);
    for (let run = 1; run <= 1_000; run++) {
      const to: Slot = SLOTS[run % 2] ?? "blue";
      const late = race.first().then(() => zombie.router.shift(allTo(to), "any", as(2 * run)));
      await race.second();
      expect((await owner.router.claim(as(2 * run + 1))).is).toBe("applied");
      const claimed = await seen(owner.api, live.name);
      const answer = await late;
      const again = await zombie.router.shift(allTo(to), "any", as(2 * run));
      expect(again).toEqual({ is: "fenced", by: 2 * run + 1 });
      // Not even for a moment: every write that lands makes a new resourceVersion.
      expect((await seen(owner.api, live.name)).metadata.resourceVersion).toBe(
        claimed.metadata.resourceVersion,
      );
      if (answer.is === "fenced") expect(claimed.spec.selector).not.toEqual(slotLabels("shop", to));
      else expect(claimed.spec.selector).toEqual(slotLabels("shop", to));
      if (!(answer.is in outcomes)) throw new Error(JSON.stringify(answer));
      outcomes[answer.is as keyof typeof outcomes] += 1;
      race.won(answer.is === "applied" ? "first" : "second");
      await owner.router.shift(allTo(to), "any", as(2 * run + 1));
    }
    // A race that always ends the same way is none.
    expect(outcomes.applied).toBeGreaterThan(50);
    expect(outcomes.fenced).toBeGreaterThan(50);
    expect(outcomes.unchanged).toBe(0);
  }, 400_000);

  test("the first claim of a Service that never had one is made by exactly one of two equals", async () => {
    for (const metadata of [{}, { annotations: { owner: "me" } }]) {
      const live = await fresh(metadata);
      const both = await Promise.all([operator(live.name), operator(live.name)]);
      const at = await Promise.all(both.map(({ router }) => version(router)));
      const answers = await Promise.all(
        both.map(({ router }, n) => router.shift(allTo("green"), at[n] ?? "any", as(1))),
      );
      expect(answers.map((answer) => answer.is).toSorted()).toEqual(["applied", "conflict"]);
    }
  });
});

describe("somebody's kubectl patch", () => {
  const merge = (live: string, selector: object) =>
    cluster.kubectl(
      "patch",
      "service",
      live,
      "-n",
      namespace,
      "--type=merge",
      "-p",
      JSON.stringify({ spec: { selector } }),
    );

  test("conflicts with a shift decided before it, and is shown as nobody's", async () => {
    const live = await fresh();
    const { api, router } = await operator(live.name);
    await router.shift(allTo("blue"), "any", as(1));
    const decided = await version(router);
    await merge(live.name, { app: "shop" });
    const answer = await router.shift(allTo("green"), decided, as(1));
    expect(answer).toMatchObject({ is: "conflict", seen: { weights: NOBODY } });
    const selector = { ...slotLabels("shop", "blue"), app: "shop" };
    expect((await seen(api, live.name)).spec.selector).toEqual(selector);
  });

  test("leaves no key behind when going back overwrites it", async () => {
    const live = await fresh();
    const { api, router } = await operator(live.name);
    await merge(live.name, { app: "shop" });
    expect(await router.shift(allTo("blue"), "any", as(1))).toMatchObject({ is: "applied" });
    expect((await seen(api, live.name)).spec.selector).toEqual(slotLabels("shop", "blue"));
  });

  test("of 200 races with a shift one wins: the keys are never a mixture that nobody wrote", async () => {
    const live = await fresh();
    const { api, router } = await operator(live.name);
    const stranger = await operator(live.name);
    const outcomes = { applied: 0, conflict: 0 };
    const race = evenRace(seeded(8));
    for (let run = 0; run < 200; run++) {
      await router.shift(allTo("blue"), "any", as(1));
      const decided = await version(router);
      const body = { spec: { selector: { app: "shop" } } };
      const [answer] = await Promise.all([
        race.first().then(() => router.shift(allTo("green"), decided, as(1))),
        race
          .second()
          .then(() =>
            stranger.api.patch<Service>(
              paths.services(namespace, live.name),
              { by: "merge", body },
              { signal: NEVER },
            ),
          ),
      ]);
      if (answer.is !== "applied" && answer.is !== "conflict") throw new Error(JSON.stringify(answer));
      outcomes[answer.is] += 1;
      race.won(answer.is === "applied" ? "first" : "second");
      const before = answer.is === "applied" ? "green" : "blue";
      expect((await seen(api, live.name)).spec.selector).toEqual({
        ...slotLabels("shop", before),
        app: "shop",
      });
    }
    expect(outcomes.applied).toBeGreaterThan(5);
    expect(outcomes.conflict).toBeGreaterThan(5);
  }, 120_000);

  test("of anything but selector and epoch is no conflict", async () => {
    const live = await fresh();
    const { router } = await operator(live.name);
    await router.shift(allTo("blue"), "any", as(1));
    const decided = await version(router);
    await cluster.kubectl("annotate", "service", live.name, "-n", namespace, "team=web");
    expect((await router.shift(allTo("green"), decided, as(1))).is).toBe("applied");
  });
});

describe("the server's answer is lost", () => {
  test("a shift that was carried out is unknown, and repeating it changes nothing", async () => {
    const live = await fresh();
    const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
    const { api, router } = await operator(live.name, proxy.kubeconfig);
    await router.observe(NEVER);
    proxy.next({ verb: "patch", resource: "services" }, { is: "reset", when: "after" });
    expect((await router.shift(allTo("green"), "any", as(1))).is).toBe("unknown");
    expect((await router.shift(allTo("green"), "any", as(1))).is).toBe("unchanged");
    expect((await seen(api, live.name)).spec.selector).toEqual(slotLabels("shop", "green"));
    api.close();
    await proxy.stop();
  });

  test("a shift that the server refuses for now is rejected, with the time to wait", async () => {
    const live = await fresh();
    const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
    const { api, router } = await operator(live.name, proxy.kubeconfig);
    await router.observe(NEVER);
    proxy.next({ verb: "patch", resource: "services" }, { is: "answer", status: 429, retryAfter: 1 }, 50);
    const answer = await router.shift(allTo("green"), "any", as(1, 1_500));
    expect(answer).toMatchObject({ is: "rejected", retryAfter: expect.any(Number) });
    proxy.clear();
    expect((await router.shift(allTo("green"), "any", as(1))).is).toBe("applied");
    api.close();
    await proxy.stop();
  });
});

test("polling costs no request, a shift costs one", async () => {
  const live = await fresh();
  const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
  const { api, router } = await operator(live.name, proxy.kubeconfig);
  await router.sample(allTo("blue"), NEVER);
  proxy.forgetCounts();
  for (let look = 0; look < 20; look++) {
    expect((await router.observe(NEVER)).is).toBe("seen");
    await sleep(20);
  }
  expect((await router.shift(allTo("green"), await version(router), as(1))).is).toBe("applied");
  expect(await router.observe(NEVER)).toMatchObject({ value: { weights: allTo("green") } });
  const counts = Object.entries(proxy.counts()).filter(([request]) => !request.startsWith("watch "));
  expect(counts).toEqual([["patch services", 1]]);
  api.close();
  await proxy.stop();
});

test("the fence is on the Service and in the Lease, and the intent says who wrote", async () => {
  const live = await fresh();
  const { api, router } = await operator(live.name);
  const by = as(3);
  expect((await router.claim(by)).is).toBe("applied");
  await router.shift(allTo("green"), "any", by);
  const { metadata } = await seen(api, live.name);
  expect(metadata.annotations).toMatchObject({ [ANNOTATIONS.epoch]: "3", [ANNOTATIONS.intent]: by.intent });
  const lease = await cluster.get(namespace, "lease", "teal-shop");
  expect(lease.metadata.annotations).toMatchObject({ [ANNOTATIONS.epoch]: "3" });
});

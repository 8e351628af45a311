import { afterAll, afterEach, expect, test } from "vitest";
import { resultOf } from "../../src/cli/testing.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import { startFaultProxy, type Fault, type FaultProxy } from "../cluster/fault-proxy.ts";
import { deployment, service } from "../cluster/objects.ts";
import { until } from "../e2e/processes.ts";
import { Place, type Ran } from "./place.ts";
import { Witness } from "./witness.ts";

/* Whole deployments through a network that fails. TEAL_FAULT_SEEDS=7,8,9 tries others. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

const SEEDS = (process.env["TEAL_FAULT_SEEDS"] ?? "1,2").split(",").map(Number);

/** Every kind there is; one request of eight meets one. */
const FAULTS: readonly Fault[] = [
  { is: "dead" },
  { is: "stall" },
  ...(["before", "after", "amid"] as const).flatMap((when): readonly Fault[] => [
    { is: "reset", when },
    { is: "close", when },
  ]),
  { is: "answer", status: 409 },
  { is: "answer", status: 410 },
  { is: "answer", status: 429, retryAfter: 1 },
  { is: "answer", status: 500 },
  { is: "answer", status: 503 },
  { is: "answer", status: 504 },
  { is: "slow", ms: 300 },
  { is: "slow", ms: 1_500 },
  { is: "late", ms: 700 },
  { is: "late", ms: 3_000 },
  { is: "chop" },
  { is: "goneEvent" },
  { is: "duplicate" },
  { is: "drop", share: 0.2 },
];

/** Users are served before Teal comes. */
const SERVING = [deployment("shop", "teal.test/web:v0", { replicas: 2 }), service("shop", { app: "shop" })];

let place: Place | undefined;
let proxy: FaultProxy | undefined;
let witness: Witness | undefined;
afterEach(async () => {
  await witness?.close();
  await proxy?.stop();
  await place?.dispose();
  place = proxy = witness = undefined;
});

test("the witness would see it", async () => {
  const shop = (place = await Place.open(cluster, { objects: SERVING }));
  const { namespace } = shop;
  const watch = (witness = await Witness.open(cluster, namespace));
  await until("two ready pods", () => watch.ready === 2, 40_000);
  const spec = JSON.stringify({ spec: { selector: { "teal.dev/slot": "green" } } });
  await cluster.kubectl("patch", "service", "shop", "-n", namespace, "-p", spec);
  await until("the endpoints to follow", () => watch.ready === 0);
  expect((await watch.verdict()).map((each) => each.replace(/^at \d+: /u, ""))).toEqual([
    'moved to {"app":"shop","teal.dev/slot":"green"} with 0 ready, from 2',
    "nobody is ready behind the Service",
  ]);
});

const GATED = "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 10m, drain: 500ms } }";

test.each(SEEDS)(
  "first, second, rollback, a failing candidate, an abort: users are served throughout (seed %i)",
  { timeout: 400_000 },
  async (seed) => {
    const shop = (place = await Place.open(cluster, { objects: SERVING }));
    const network = (proxy = await startFaultProxy({ upstream: cluster.kubeconfig, seed }));
    const watch = (witness = await Witness.open(cluster, shop.namespace));
    await until("two ready pods", () => watch.ready === 2, 40_000);
    const told: string[] = [];

    /** A command through the network; then another machine with a good one looks, and goes on if there is need. */
    const run = async (...words: readonly string[]): Promise<Settled> => {
      network.rate(0.12, FAULTS);
      const ran = await shop.tealAs({ kubeconfig: network.kubeconfig }, ...words);
      network.clear();
      told.push(`--- ${words.join(" ")}: ${ran.code}\n${ran.out}${ran.err}`);
      complain(ran);
      const settled = await settle(shop, told);
      if (ran.code !== 3) return settled;
      // Refused before any write: whoever runs it again finds nothing in the way.
      const again = await shop.teal(...words);
      told.push(`--- again: ${again.code}\n${again.out}${again.err}`);
      expect(again.code).not.toBe(3);
      return settle(shop, told);
    };

    /** Where the network turned a command back, it leads where it should over a good one. */
    const insist = async (...words: readonly string[]): Promise<Settled> => {
      let ran = await shop.teal(...words);
      told.push(`--- over a good network: ${ran.code}\n${ran.out}${ran.err}`);
      // Users were on it when it was turned back: nobody takes them there again unasked.
      if (ran.code === 3) {
        expect(`${ran.out}${ran.err}`).toContain("--retry-reverted");
        ran = await shop.teal(...words, "--retry-reverted");
        told.push(`--- all the same: ${ran.code}\n${ran.out}${ran.err}`);
      }
      expect(ran.code).toBeOneOf([0, 6]);
      return settle(shop, told);
    };
    const serves = async (revision: string, ...words: readonly string[]): Promise<void> => {
      const first = await run(...words);
      const last = first.serves === revision ? first : await insist(...words);
      expect(last.serves).toBe(revision);
    };

    const story = async () => {
      await serves("v1", "deploy", "v1");
      await serves("v2", "deploy", "v2");
      await serves("v1", "rollback");
      expect((await run("deploy", "teal.test/failing:v3")).serves).toBe("v1");
      shop.configure({ strategy: GATED });
      const first = await run("deploy", "v4");
      const gated = first.open === "waiting" ? first : await insist("deploy", "v4");
      expect(gated).toEqual({ serves: "v1", open: "waiting" });
      const aborted = await run("abort");
      const ended = aborted.open === undefined ? aborted : await insist("abort");
      expect(ended).toEqual({ serves: "v1", open: undefined });
      expect(network.happened()).not.toEqual({});
    };
    await story().catch((error: unknown) => {
      throw new Error(`${String(error)}\n${told.join("\n")}`, { cause: error });
    });
    expect(await watch.verdict(), told.join("\n")).toEqual([]);
    if (process.env["TEAL_TELL"] !== undefined) console.log(told.join("\n"), network.happened());
  },
);

/** Whoever does not say "done" says why, and who serves. */
function complain({ code, out, err }: Ran): void {
  expect(code).toBeOneOf([0, 3, 4, 5, 6]);
  if (code === 0 || code === 6) return;
  expect(`${out}${err}`).toMatch(/TEAL-[A-Z]\d{3}/u);
  expect(`${out}${err}`).toMatch(/serves|stayed on|is live|Traffic goes to|could not be read/u);
}

interface Settled {
  /** The revision that users get; v0 is what was there before Teal. */
  readonly serves: string | undefined;
  /** In which state a deployment was left: one that is warm, or waits at its gate. */
  readonly open: string | undefined;
}

/** What another process finds, and does when something was left open: everything ends. */
async function settle(shop: Place, told: string[]): Promise<Settled> {
  const elsewhere = { machine: "elsewhere" };
  const look = async () => resultOf(await shop.tealAs(elsewhere, "status", "--json")) as unknown as Looked;
  let status = await look();
  told.push(JSON.stringify(status));
  if (status.open !== undefined && !isAtRest(status.open.state)) {
    // Its caretaker may be at it.
    const resumed = await shop.tealAs(elsewhere, "resume", "--wait-lock", "60s");
    told.push(`--- resume: ${resumed.code}\n${resumed.out}${resumed.err}`);
    expect(resumed.code).toBeOneOf([0, 4, 6]);
    status = await look();
    told.push(JSON.stringify(status));
  }
  // What was adopted is reached by the selector it had before.
  const live = await shop.live();
  if (live === undefined) expect(status.serves).toMatchObject({ slot: "blue", revision: "v0" });
  else expect(status.serves.slot).toBe(live);
  return { serves: status.serves.revision, open: status.open?.state.is };
}

/** Only a person ends a gate; any other wait is one for the network. */
function isAtRest(state: State): boolean {
  return state.is === "warm" || (state.is === "waiting" && state.for === "gate");
}

interface Looked {
  readonly serves: { readonly slot: string; readonly revision?: string };
  readonly open?: { readonly state: State };
}

interface State {
  readonly is: string;
  readonly for?: string;
}

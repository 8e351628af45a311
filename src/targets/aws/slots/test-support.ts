import type { Behaviour } from "../../../../test/aws-sim/instances/behaviour.ts";
import { standardShop, type Shop, type ShopOptions } from "../../../../test/aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../../../test/aws-sim/simulator.ts";
import type { SimulatorOptions } from "../../../../test/aws-sim/types.ts";
import type { SlotSpec } from "../../../core/calls.ts";
import { readyReplicas, type SlotState } from "../../../core/observed.ts";
import { fence, instant, intentId, millis, type Slot } from "../../../core/units.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import type { By } from "../../../ports/write.ts";
import { systemClock } from "../../../state/system-clock.ts";
import type { AwsApi } from "../api/api.ts";
import { connectAws } from "../api/connect.ts";
import { createFence } from "../fence.ts";
import type { Found } from "../found.ts";
import { inferFrom } from "../infer.ts";
import { createLook, type Look } from "../look.ts";
import { prepare } from "../prepare.ts";
import type { AwsSettings } from "../settings.ts";
import { createAwsSlots } from "./slots.ts";

export const NEVER = new AbortController().signal;

/** How much faster than the machine's the world of these tests runs. */
export const SPEED = 60;

export const CHECKS: SlotSpec["checks"] = {
  checks: [],
  window: {
    interval: millis(100),
    attempts: 1,
    successes: 1,
    failures: 1,
    deadline: millis(1_000),
    freshness: millis(1_000),
  },
} as never;

/** The standard shop in a simulator, and slots over it that look as much more often as its world runs faster. */
export interface SlotsShop {
  readonly simulator: Simulator;
  readonly shop: Shop;
  readonly settings: AwsSettings;
  readonly api: AwsApi;
  readonly slots: SlotProvider;
  /** A revision from an image of this behaviour. */
  revision(name: string, behaviour?: Behaviour, replicas?: number): Promise<SlotSpec>;
  /** A second process with the same rights, or with those of another principal. */
  another(accessKeyId?: string): Promise<SlotProvider>;
  /** Actions of calls that changed something, since the last time this was asked. */
  changes(): readonly string[];
  end(): Promise<void>;
}

export async function slotsShop(
  options: ShopOptions = {},
  simulated: SimulatorOptions = {},
  set: Partial<AwsSettings> = {},
): Promise<SlotsShop> {
  const simulator = await startSimulator({ speed: SPEED, throttling: "off", ...simulated });
  const open: { api: AwsApi; look: Look }[] = [];
  try {
    const shop = await standardShop(simulator, { instances: 0, ...options });
    const settings: AwsSettings = {
      service: "shop",
      environment: "default",
      account: simulator.account,
      listeners: [`shop-alb:${shop.listeners[0]!.port}`],
      match: { host: shop.host },
      template: { by: "image" },
      reach: { by: "address" },
      sticky: "wait",
      propagation: millis(1_000),
      ...set,
    };
    const connect = async (accessKeyId?: string) => {
      const rates = { look: { burst: 100, perSecond: 100 } };
      const came = await connectAws(settings, { environment: simulator.environment(accessKeyId), rates });
      if (came.is === "failed") throw new Error(came.cause.message);
      const { api } = came;
      const look = createLook(systemClock, 1 / SPEED);
      open.push({ api, look });
      const inferred = inferFrom(api, settings);
      const found = async (signal: AbortSignal) => {
        const answer = await inferred.found({ signal, purse: "plan" });
        return answer.is === "found" ? answer.found : answer.cause;
      };
      const slots = createAwsSlots(api, settings, found, { look, fence: createFence(api) });
      return { api, found, slots };
    };
    const first = await connect();
    let changesFrom = simulator.recorded.length;
    return {
      simulator,
      shop,
      settings,
      api: first.api,
      slots: first.slots,
      revision: async (name, behaviour = {}, replicas = 1) => {
        const image = simulator.compute.registerImage({ name, behaviour: { revision: name, ...behaviour } });
        const found = (await first.found(NEVER)) as Found;
        const prepared = await prepare({ api: first.api, settings, found }, image, NEVER);
        if (prepared.is === "refused") throw new Error(prepared.cause.message);
        return { revision: prepared.revision, replicas, checks: CHECKS };
      },
      another: async (accessKeyId) => (await connect(accessKeyId)).slots,
      changes: () => {
        const calls = simulator.recorded.slice(changesFrom).filter(({ mutating }) => mutating);
        changesFrom = simulator.recorded.length;
        return calls.map(({ action }) => action.replace(/^.*:/u, ""));
      },
      end: async () => {
        for (const { api, look } of open) {
          look.close();
          await api.close();
        }
        await simulator.stop();
      },
    };
  } catch (error) {
    await simulator.stop();
    throw error;
  }
}

let intents = 0;

export function by(number: number, within = 10_000): By {
  return {
    intent: intentId(`test-${++intents}`),
    fence: fence(number),
    deadline: instant(Date.now() + within),
    signal: NEVER,
  };
}

/** What the slot shows once it is so; fails with the last look after 20 s. */
export async function until(
  slots: SlotProvider,
  slot: Slot,
  so: (state: SlotState) => boolean,
): Promise<SlotState> {
  const end = performance.now() + 20_000;
  for (;;) {
    const look = await slots.observe(slot, NEVER);
    if (look.is === "seen" && so(look.value)) return look.value;
    if (performance.now() > end) throw new Error(`still not so: ${JSON.stringify(look)}`);
    await systemClock.sleep(millis(10));
  }
}

export function ready(replicas: number): (state: SlotState) => boolean {
  return (state) => state.settled && state.wanted === replicas && readyReplicas(state).length === replicas;
}

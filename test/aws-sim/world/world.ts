import { worldClock } from "../clock.ts";
import { createFaults, type Faults } from "../faults.ts";
import { createCredentials, type Credentials } from "../iam/credentials.ts";
import type { World } from "../kernel.ts";
import type { Recorded, SimulatorOptions } from "../types.ts";
import { claimAddresses } from "./addresses.ts";
import { seededChance } from "./chance.ts";

export interface OpenWorld {
  readonly world: World;
  readonly faults: Faults;
  readonly credentials: Credentials;
  readonly recorded: Recorded[];
  /** Stops the clock and gives the addresses back; after every part has stopped. */
  close(): Promise<void>;
}

/** An empty world: time, chance, addresses, an account, and nobody in it. */
export async function openWorld(options: SimulatorOptions = {}): Promise<OpenWorld> {
  const clock = worldClock(options.speed);
  const chance = seededChance(options.seed ?? 1);
  const faults = createFaults(chance);
  const recorded: Recorded[] = [];
  const addresses = await claimAddresses();
  return {
    faults,
    credentials: createCredentials(),
    recorded,
    world: {
      clock,
      chance,
      account: options.account ?? "111122223333",
      region: options.region ?? "eu-central-1",
      addresses: () => addresses.next(),
      get faults() {
        return faults.all;
      },
      recorded,
    },
    close: async () => {
      clock.stop();
      await addresses.release();
    },
  };
}

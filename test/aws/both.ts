import { clientConfig } from "../aws-sim/sdk.ts";
import type { Simulator } from "../aws-sim/simulator.ts";
import { startSimulator } from "../aws-sim/simulator.ts";
import { EVERY_OPERATION } from "./every-operation.ts";
import type { Memory, Outcome } from "./scenario.ts";
import { play } from "./scenario.ts";

export interface Played {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly memory: Memory;
}

/** A simulator in which the scenario finds the image and the role that it needs, and what came of it. */
export async function playOnSimulator(): Promise<Played & { readonly simulator: Simulator }> {
  const role = "arn:aws:iam::111122223333:role/deployer";
  const simulator = await startSimulator({ speed: 100, throttling: "off" });
  simulator.principal({ accessKeyId: "AKIADEPLOYER", secretAccessKey: "deploys", arn: role });
  const image = simulator.compute.registerImage({ name: "shop-r1", behaviour: { revision: "r1" } });
  const memory = { image, role };
  // The first principal, not the one of the role.
  const outcomes = await play(EVERY_OPERATION, clientConfig(simulator.environment()), memory);
  return { simulator, outcomes, memory };
}

/** The same on moto, with an image that every account has there. */
export async function playOnMoto(
  environment: Readonly<Record<string, string>>,
  image: string,
): Promise<Played> {
  const memory = { image, role: "arn:aws:iam::123456789012:role/deployer" };
  const outcomes = await play(EVERY_OPERATION, clientConfig(environment), memory);
  return { outcomes, memory };
}

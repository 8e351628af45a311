import { millis } from "../../core/units.ts";
import type { Migrator } from "../../ports/migrator.ts";
import type { Probe } from "../../ports/probe.ts";
import type { MetricSource } from "../../ports/router.ts";
import type { Prepared, Target } from "../../ports/target.ts";
import { cause } from "./wire.ts";
import { memoryMigrator } from "./migrator.ts";
import type { MemoryOptions } from "./options.ts";
import { memoryProbe } from "./probe.ts";
import { memoryMetrics, memoryRouter } from "./router.ts";
import { memorySlots } from "./slots.ts";
import { type ForeignHand, World, foreignHand } from "./world.ts";

/** A target that exists in memory only, with every port a deployment needs and a view behind the scenes. */
export interface MemoryTarget extends Target {
  readonly metrics: MetricSource;
  readonly migrator: Migrator;
  readonly probe: Probe;
  /** Ground truth: what runs, where traffic goes, the log of all that really happened. */
  readonly world: World;
  /** Does things behind the deployment's back. */
  readonly hand: ForeignHand;
  /** The migrator of other schema changes; `migrator` applies those called `default`. */
  migratorFor(changes: string): Migrator;
}

/** Builds a service in memory. Nothing in it waits for real time unless the clock given does. */
export function createMemoryTarget(options: MemoryOptions): MemoryTarget {
  const world = new World(options);
  const migratorFor = (changes: string) => memoryMigrator(world, changes);
  return {
    kind: "memory",
    place: options.profile,
    slots: memorySlots(world),
    router: memoryRouter(world),
    metrics: memoryMetrics(world),
    migrator: migratorFor("default"),
    probe: memoryProbe(world),
    world,
    hand: foreignHand(world),
    migratorFor,
    prepare: (name) => Promise.resolve(prepared(options, name)),
    recall: (revision) => Promise.resolve({ is: "ready", revision, detail: "in memory" }),
    preview: (slot) => Promise.resolve(`memory://${slot}`),
    pace: millis(world.tuning.pace),
    close: () => Promise.resolve(),
  };
}

function prepared(options: MemoryOptions, name: string | undefined): Prepared {
  const known = options.revisions;
  if (name !== undefined && (known === undefined || known.includes(name))) {
    return { is: "ready", revision: { id: name, config: "memory" }, detail: "in memory" };
  }
  const message =
    name === undefined ? "The memory target has no default revision." : `There is no revision ${name}.`;
  const next = known === undefined ? "Name a revision." : `Name one of ${known.join(", ")}.`;
  return { is: "refused", cause: cause("TEAL-Y108", message), next };
}

/**
 * Teal as a library. What is exported here is what semantic versioning covers; everything else may change at any time.
 */
export { connectAws, type AwsConnection } from "./api/aws.ts";
export { connect, type AnyConnection } from "./api/connect.ts";
export {
  whoami,
  type ConfiguredConnection,
  type Connected,
  type Connection,
  type ConnectOptions,
  type Wished,
  type Wishes,
} from "./api/connection.ts";
export { deploy, deployRevision, type Moved, type MoveOptions } from "./api/deploying.ts";
export { askHealth, type SlotHealth } from "./api/health.ts";
export { connectKubernetes, type KubernetesConnection } from "./api/kubernetes.ts";
export { connectLocal, type LocalConnection } from "./api/local.ts";
export { compareStrategies, observeNow, planRevision, type Wanted } from "./api/planning.ts";
export { statusOf, type Status } from "./api/status.ts";
export { abort, promote, resume, rollback } from "./api/steering.ts";
export { watch, type WatchOptions } from "./api/watch.ts";
export type { Config } from "./config/config.ts";
export { loadConfig, type Loaded, type LoadInput } from "./config/load.ts";
export { formatProblems, type Problem } from "./config/problem.ts";
export type * from "./core/calls.ts";
export type * from "./core/checks.ts";
export type { Deployment } from "./core/deployment.ts";
export type * from "./core/journal.ts";
export type * from "./core/observed.ts";
export type * from "./core/plan.ts";
export type { Comparison } from "./core/planning/compare.ts";
export * from "./core/routing.ts";
export type * from "./core/state.ts";
export * from "./core/units.ts";
export type { EnginePorts } from "./engine/ports.ts";
export { memorySpool, type Spool } from "./engine/spool.ts";
export type * from "./ports/clock.ts";
export type * from "./ports/migrator.ts";
export type * from "./ports/notifier.ts";
export type * from "./ports/probe.ts";
export type * from "./ports/router.ts";
export type * from "./ports/slots.ts";
export type * from "./ports/store.ts";
export type * from "./ports/target.ts";
export type * from "./ports/write.ts";
export { memoryStore } from "./state/memory.ts";
export { systemClock } from "./state/system-clock.ts";
export { createMemoryTarget, type MemoryOptions, type MemoryTarget } from "./targets/memory/index.ts";

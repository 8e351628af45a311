export type { Fault, Faults, Operation } from "./operation.ts";
export type { Autoscaler, Behaviour, MemoryOptions, Profile, ServiceShape, Tuning } from "./options.ts";
export type { Happened, Recorded, TrafficMoment, Writer } from "./records.ts";
export { type MemoryTarget, createMemoryTarget } from "./target.ts";
export type { ForeignHand } from "./world.ts";
export type { World } from "./world.ts";

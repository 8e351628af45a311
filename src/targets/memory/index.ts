export type { Fault, Operation } from "./operation.ts";
export type { Behaviour, MemoryOptions, Profile } from "./options.ts";
export type { Recorded, TrafficMoment } from "./records.ts";
export { type MemoryTarget, createMemoryTarget } from "./target.ts";

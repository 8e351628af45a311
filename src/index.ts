/**
 * Teal as a library. What is exported here is what semantic versioning covers; everything else may change at any time.
 */
export type * from "./core/calls.ts";
export type * from "./core/checks.ts";
export type * from "./core/journal.ts";
export type * from "./core/observed.ts";
export type * from "./core/plan.ts";
export * from "./core/routing.ts";
export type * from "./core/state.ts";
export * from "./core/units.ts";
export type * from "./ports/clock.ts";
export type * from "./ports/migrator.ts";
export type * from "./ports/notifier.ts";
export type * from "./ports/probe.ts";
export type * from "./ports/router.ts";
export type * from "./ports/slots.ts";
export type * from "./ports/store.ts";
export type * from "./ports/target.ts";
export type * from "./ports/write.ts";

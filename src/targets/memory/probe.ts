import type { Check, Sample } from "../../core/checks.ts";
import { millis } from "../../core/units.ts";
import type { Probe } from "../../ports/probe.ts";
import { readOver } from "./wire.ts";
import type { Life } from "./life.ts";
import type { World } from "./world.ts";

type Answer = Pick<Sample, "result" | "expected" | "actual" | "excerpt">;

/** Asks simulated replicas: what a check finds follows from the replica's behaviour, not from how it is asked. */
export function memoryProbe(world: World): Probe {
  return {
    async sample(check, of, signal) {
      const began = world.monotonic();
      const { replica, incarnation } = of.reach;
      const life = world.fleet.find(incarnation);
      const operation = {
        port: "probe",
        method: "sample",
        kind: "read",
        ...(life === undefined ? {} : { slot: life.slot }),
      } as const;
      const asked = await readOver(world, operation, signal, () => {
        const answer = ask(world.fleet.find(incarnation), check, world.crowd.outage);
        const sample: Sample = {
          check: check.name,
          replica,
          incarnation,
          attempt: of.attempt,
          took: millis(world.monotonic() - began),
          ...answer,
        };
        if (life !== undefined) world.record({ is: "sample", slot: life.slot, kind: check.kind, sample });
        return { value: sample, version: world.routes.truth.version };
      });
      if (asked.is === "seen") return asked.value;
      const took = millis(world.monotonic() - began);
      return {
        check: check.name,
        replica,
        incarnation,
        attempt: of.attempt,
        took,
        result: "unknown",
        actual: "no answer",
      };
    },
  };
}

function ask(life: Life | undefined, check: Check, outage: boolean): Answer {
  const running = life !== undefined && ["ready", "unready", "stopping"].includes(life.phase);
  if (!running) return { result: "fail", expected: "an answer", actual: "connection refused" };
  if (life.phase === "unready")
    return { result: "fail", expected: "status 200", actual: "503", excerpt: "starting" };
  const broken = outage || life.sick || life.behaviour === "failsChecks";
  if (check.kind === "deep" && broken)
    return { result: "fail", expected: "status 200", actual: "503", excerpt: "database: refused" };
  return { result: "pass" };
}

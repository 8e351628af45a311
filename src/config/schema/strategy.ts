import { z } from "zod";
import { DEFAULTS } from "../defaults.ts";
import {
  DOCS,
  contradiction,
  duration,
  exactlyOne,
  oneOf,
  oneOrMore,
  shape,
  share,
  timeOfDay,
  whole,
} from "./parts.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const waiting = {
  timeout: duration
    .optional()
    .register(DOCS, { description: "Longest wait for the gate to open.", fallback: DEFAULTS.gate.timeout }),
  otherwise: oneOf(["proceed", "revert"]).optional().register(DOCS, {
    description: "What happens when that time is over.",
    fallback: DEFAULTS.gate.otherwise,
  }),
};
const approval = shape(waiting).meta({ id: "approval" });
const schedule = shape({
  days: z
    .array(oneOf(DAYS), "a list of days such as [mon, tue]")
    .min(1, "at least one day")
    .optional()
    .register(DOCS, { description: "Days (UTC) on which the gate opens; all by default." }),
  from: timeOfDay.describe("Time of day (UTC) from which the gate is open."),
  to: timeOfDay.describe("Time of day (UTC) at which it closes."),
  ...waiting,
})
  .superRefine((given, context) => {
    if (given.from >= given.to) contradiction(context, "from must be before to, on the same day", ["from"]);
  })
  .meta({ id: "schedule" });

const gateKinds = {
  approval: approval.optional().register(DOCS, { description: "Waits for `teal promote`." }),
  schedule: schedule.optional().register(DOCS, { description: "Waits for a time of day." }),
};
const gate = z
  .union(
    [z.literal("approval"), shape(gateKinds).superRefine(exactlyOne(Object.keys(gateKinds)))],
    "approval, or a map with approval or schedule",
  )
  .meta({ id: "gate" });

const bake = duration.optional().register(DOCS, {
  description: "How long users are watched on the candidate before it counts as proven.",
  fallback: DEFAULTS.bake,
});
const keepWarm = duration.optional().register(DOCS, {
  description: "How long the previous slot is kept after that, for an instant way back. `0s`: not at all.",
  fallback: DEFAULTS.keepWarm,
});
const drain = duration.optional().register(DOCS, {
  description: "Longest wait for in-flight work of a slot without new requests.",
  fallback: DEFAULTS.drain,
});
const gates = oneOrMore(gate, "approval, a gate, or a list of gates")
  .optional()
  .register(DOCS, { description: "What must happen between the checks and the first traffic." });

const expectedPercent = 'a share in percent such as 25 or "25%"';
const percent = z.union(
  [
    z.number().gt(0, expectedPercent).lte(100, expectedPercent).meta({ title: "percent" }),
    share.transform((value) => value * 100),
  ],
  expectedPercent,
);
const longShift = shape({
  share: percent.describe("Share of the traffic for the candidate, in percent."),
  watch: duration.optional().register(DOCS, {
    description: "How long the candidate is watched at this share; `watch` of the canary by default.",
  }),
  approval: approval.optional().register(DOCS, { description: "Waits for `teal promote` at this share." }),
  schedule: schedule.optional().register(DOCS, { description: "Waits for a time of day at this share." }),
}).superRefine((given, context) => {
  const chosen = (["watch", "approval", "schedule"] as const).filter((key) => given[key] !== undefined);
  for (const key of chosen.slice(1))
    contradiction(context, `"${key}" beside "${chosen[0]}": a shift has one gate`, [key], "key");
});
const shift = z
  .union([percent, longShift], "a share in percent, or a map with share and watch, approval or schedule")
  .transform((value): z.output<typeof longShift> => (typeof value === "number" ? { share: value } : value));

const shifts = z
  .array(shift, "a list of growing shares such as [5, 25, 50]")
  .min(1, "at least one share")
  .superRefine((list, context) => {
    list.forEach(({ share }, i) => {
      const before = list[i - 1]?.share ?? 0;
      if (share >= 100)
        contradiction(context, `share ${share} is not below 100: the last shift to 100 follows by itself`, [
          i,
        ]);
      else if (share <= before)
        contradiction(context, `share ${share} does not grow: the one before is ${before}`, [i]);
    });
  });

const kinds = {
  blueGreen: shape({ bake, keepWarm, drain, gate: gates })
    .optional()
    .register(DOCS, { description: "Everything at once to a second full environment." }),
  canary: shape({
    shifts: shifts.optional().register(DOCS, {
      description: "Growing shares in percent before 100.",
      fallback: DEFAULTS.canary.shifts,
    }),
    watch: duration.optional().register(DOCS, {
      description: "How long the candidate is watched at each share.",
      fallback: DEFAULTS.canary.watch,
    }),
    bake,
    keepWarm,
    drain,
    gate: gates,
  })
    .optional()
    .register(DOCS, { description: "A growing share of the traffic to a second full environment." }),
  rolling: shape({
    batch: whole(1, 1000)
      .optional()
      .register(DOCS, { description: "Replicas replaced at a time.", fallback: DEFAULTS.rolling.batch }),
    bake,
    drain,
    gate: gates,
  })
    .optional()
    .register(DOCS, { description: "A few replicas at a time, no second full environment." }),
  recreate: shape({ bake, drain, gate: gates }).optional().register(DOCS, {
    description: "Stops the previous revision before it starts the candidate: nobody is served meanwhile.",
  }),
};

export const STRATEGIES = ["blueGreen", "canary", "rolling", "recreate"] as const;

export const strategy = z.union(
  [oneOf(STRATEGIES), shape(kinds).superRefine(exactlyOne(STRATEGIES))],
  "blueGreen, canary, rolling or recreate, or a map with one of them",
);

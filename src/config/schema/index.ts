import { z } from "zod";
import { DEFAULTS } from "../defaults.ts";
import { aws } from "./aws.ts";
import { health } from "./health.ts";
import { kubernetes } from "./kubernetes.ts";
import { local } from "./local.ts";
import { DOCS, duration, name, shape, share, whole } from "./parts.ts";
import { strategy } from "./strategy.ts";

/** Keys that may stand at the top, in a service of `services` and in an environment. */
const sections = {
  target: shape(
    {
      local: local
        .optional()
        .register(DOCS, { description: "This machine: processes behind Teal's own data plane." }),
      kubernetes: kubernetes.optional().register(DOCS, {
        description: "A namespace of a cluster: two Deployments behind a Service or a route.",
      }),
      aws: aws.optional().register(DOCS, {
        description:
          "An AWS account: two Auto Scaling groups behind the rules of an Application Load Balancer.",
      }),
    },
    "a map with local, kubernetes or aws",
  ).describe("Where the service runs: one of these."),
  strategy: strategy.optional().register(DOCS, {
    description: "How a candidate becomes live: a name, or a map of the name to its options.",
    fallback: DEFAULTS.strategy,
  }),
  health: health.optional().register(DOCS, {
    description: "Checks that the candidate must pass and that live traffic is watched by.",
  }),
  errors: shape({
    limit: share.optional().register(DOCS, {
      description:
        "Share of failed requests above which traffic goes back, unless the previous slot is as bad.",
      fallback: DEFAULTS.errors.limit,
    }),
    minRequests: whole(1).optional().register(DOCS, {
      description: "Fewer requests than this prove nothing.",
      fallback: DEFAULTS.errors.minRequests,
    }),
  })
    .optional()
    .register(DOCS, { description: "When users' errors send traffic back." }),
  startDeadline: duration.optional().register(DOCS, {
    description: `Longest wait for replicas to become ready; ${DEFAULTS.aws.startDeadline} for instances on AWS.`,
    fallback: DEFAULTS.startDeadline,
  }),
  database: z.unknown().optional().register(DOCS, { description: "Not in this version." }),
};

/** One service in one environment, after everything was merged. */
export const effective = shape({
  teal: z
    .literal(1, "1, the version of this format")
    .optional()
    .register(DOCS, { description: "Version of this format." }),
  service: name()
    .optional()
    .register(DOCS, { description: "Name of the service; the folder's name by default." }),
  ...sections,
  // Taken apart by `layers.ts` before the schema sees the file; here so that a slip in their names finds them.
  services: z.undefined().optional(),
  environments: z.undefined().optional(),
});

export type Parsed = z.output<typeof effective>;

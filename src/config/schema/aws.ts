import { z } from "zod";
import { DEFAULTS } from "../defaults.ts";
import {
  contradiction,
  DOCS,
  duration,
  exactlyOne,
  fault,
  oneOf,
  oneOrMore,
  shape,
  text,
  whole,
} from "./parts.ts";

const { aws: D } = DEFAULTS;

/** Partition, region and account of an ARN: `arn:aws-cn:elasticloadbalancing:cn-north-1:111122223333:…`. */
const OF_ELB = "arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\\d{12}:";
const ARN_PARTS = /^arn:aws[a-z-]*:[a-z0-9-]+:([a-z0-9-]*):(\d{12}):/;
/** Names of load balancers and target groups: at most 32 letters, digits and dashes, none at an end. */
const ELB_NAME = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?";

const matching = (source: string, title: string, expected: string) =>
  z
    .string(expected)
    .regex(new RegExp(`^(?:${source})$`), expected)
    .register(DOCS, { title });

const accountExpected = 'an account of twelve digits, in quotes: "111122223333"';
const account = z
  .union(
    [
      z.string(accountExpected).regex(/^\d{12}$/, accountExpected),
      // Without quotes, twelve digits are a number; one that starts with 0 has lost it, and is refused.
      z.int(accountExpected).min(1e11, accountExpected).max(999_999_999_999, accountExpected),
    ],
    accountExpected,
  )
  .transform(String);

const region = matching("[a-z]{2,}(?:-[a-z]+)+-\\d{1,2}", "region", 'a region such as "eu-central-1"');

const listener = matching(
  `${ELB_NAME}:\\d{1,5}|${OF_ELB}listener/app/[^/]+/[^/]+/[^/]+`,
  "listener",
  'a listener such as "shop-alb:443", or its ARN',
);

const rule = matching(
  `${OF_ELB}listener-rule/app/[^/]+/[^/]+/[^/]+/[^/]+`,
  "ARN",
  "the ARN of a listener's rule",
);

const targetGroup = () =>
  matching(
    `${ELB_NAME}|${OF_ELB}targetgroup/[^/]+/[^/]+`,
    "name or ARN",
    "a target group's name, or its ARN",
  );

/** Any printable text without a colon, at most 255. */
const group = () => matching("[^\\s:](?:[^:]{0,253}[^\\s:])?", "name", "the name of an Auto Scaling group");

const pair = (of: () => z.ZodString, what: string) =>
  shape(
    {
      blue: of().register(DOCS, { description: `${what} of slot blue.` }),
      green: of().register(DOCS, { description: `${what} of slot green.` }),
    },
    "a map with blue and green",
  ).superRefine(({ blue, green }, context) => {
    if (blue === green) contradiction(context, `"${blue}" for both slots: they need one each`, ["green"]);
  });

const template = z.union(
  [
    oneOf(["image"]),
    shape({
      userData: text("a file")
        .superRefine((path, context) => {
          if (path.startsWith("~"))
            fault(context, `"${path}": write \${HOME} for ~, which only a shell knows`, path);
        })
        .register(DOCS, {
          description:
            "File of the instances' user data, relative to this file; `{revision}` in it becomes the revision's name.",
        }),
    }),
  ],
  "image, or a map with userData",
);

const headerName = matching(
  "[A-Za-z0-9][A-Za-z0-9-]{0,39}",
  "header",
  "the name of a header: at most 40 letters, digits and dashes",
);

const reaches = {
  headerRule: shape({
    header: headerName.optional().register(DOCS, {
      description: "Header of requests that go to the idle slot.",
      fallback: D.reach.header,
    }),
    value: text("a value")
      .regex(/^[\x20-\x7e]{1,128}$/, "at most 128 printable characters")
      .optional()
      .register(DOCS, { description: "Its value; one that nobody can guess by default." }),
  })
    .optional()
    .register(DOCS, {
      description: "A rule that sends requests with a header to the idle slot; Teal makes and removes it.",
    }),
  testListener: listener.optional().register(DOCS, {
    description: "A listener of its own for tests; Teal points it to the idle slot.",
  }),
};

const reach = z.union(
  [oneOf(["headerRule", "address"]), shape(reaches).superRefine(exactlyOne(Object.keys(reaches)))],
  "headerRule, address, or a map with headerRule or testListener",
);

const state = matching(
  "s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^\\s/]+)*/?",
  "s3 address",
  'a bucket and a prefix such as "s3://shop-teal/production"',
);

const publish = matching(
  "/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,14}",
  "name",
  'the name of an SSM parameter such as "/shop/weights"',
);

export const aws = shape({
  account: account.describe("Account of the service; credentials of any other are refused."),
  region: region.optional().register(DOCS, {
    description:
      "Region of the service; `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile's by default.",
  }),
  profile: text("the name of a profile").optional().register(DOCS, {
    description: "Profile of the shared AWS configuration; what the environment offers by default.",
  }),
  listener: oneOrMore(listener, 'a listener such as "shop-alb:443", or a list of them')
    .optional()
    .register(DOCS, {
      description:
        "Listener that users reach, as `<load balancer>:<port>` or ARN; several are switched in turn.",
    }),
  host: text("a host name such as shop.example").optional().register(DOCS, {
    description: "Host of the listener's rule; without `host` and `path` it is the default rule.",
  }),
  path: text("a path pattern such as /shop/*").optional().register(DOCS, {
    description: "Path pattern of the listener's rule.",
  }),
  rules: z.array(rule, "a list of rules' ARNs").min(1, "at least one rule's ARN").optional().register(DOCS, {
    description: "The rules themselves, in the order in which they are switched, instead of `listener`.",
  }),
  groups: pair(group, "Auto Scaling group").optional().register(DOCS, {
    description:
      "Auto Scaling groups of the slots; by default those with the tags `teal.dev/service` and `teal.dev/slot`, else those that register with the rule's target groups.",
  }),
  targetGroups: pair(targetGroup, "Target group").optional().register(DOCS, {
    description:
      "Target groups of the slots; by default the ones that the Auto Scaling groups register with.",
  }),
  template: template.optional().register(DOCS, {
    description:
      "What differs between revisions: `image` (a revision is an AMI's id), or a file of user data.",
    fallback: D.template,
  }),
  replicas: whole(1, 1000).optional().register(DOCS, {
    description:
      "Instances of a first deployment, as many as the group is told to have by default; later ones follow what is live.",
  }),
  reach: reach.optional().register(DOCS, {
    description:
      "How checks get to the idle slot: a rule by a header, a listener for tests, or the instances' private addresses.",
    fallback: D.reach.by,
  }),
  sticky: oneOf(["wait", "cut"]).optional().register(DOCS, {
    description:
      "What is done about old stickiness cookies: the drain waits until they ran out, or the cutover turns them off in its own call.",
    fallback: D.sticky,
  }),
  propagation: duration.optional().register(DOCS, {
    description: "An acknowledged change has reached every node of the load balancer within this time.",
    fallback: D.propagation,
  }),
  state: state.optional().register(DOCS, {
    description:
      "Bucket that holds journal and lease, so that several runners can deploy; this machine by default.",
  }),
  publish: publish.optional().register(DOCS, {
    description: "SSM parameter to which the weights are published, for Terraform to read.",
  }),
}).superRefine((given, context) => {
  const { listener: listeners, rules, host, path } = given;
  if (listeners === undefined && rules === undefined)
    fault(context, '"listener" is missing in aws: such as "shop-alb:443", or "rules" by their ARNs', given);
  for (const key of ["listener", "host", "path"] as const)
    if (rules !== undefined && given[key] !== undefined)
      contradiction(context, `"${key}" beside "rules": the rules are named already`, [key], "key");
  if (host !== undefined && /[\s/:]/.test(host))
    fault(context, `"${host}" is no host name: only the name, such as shop.example`, host, ["host"]);
  if (path !== undefined && !/^[/*]\S*$/.test(path))
    fault(context, `"${path}" is no path pattern: it starts with / or *`, path, ["path"]);
  for (const [at, arn] of arnsOf(given)) elsewhere(context, given, at, arn);
});

type Placed = { readonly account: string; readonly region?: string | undefined };

/** Everything that may be an ARN, with where it stands. */
function arnsOf(given: {
  readonly listener?: readonly string[] | undefined;
  readonly rules?: readonly string[] | undefined;
  readonly targetGroups?: { readonly blue: string; readonly green: string } | undefined;
  readonly reach?: unknown;
}): readonly (readonly [PropertyKey[], string])[] {
  const { listener: listeners = [], rules = [], targetGroups, reach: way } = given;
  const test = (way as { readonly testListener?: string } | undefined)?.testListener;
  return [
    ...listeners.map((arn, i) => [listeners.length === 1 ? ["listener"] : ["listener", i], arn] as const),
    ...rules.map((arn, i) => [["rules", i] as PropertyKey[], arn] as const),
    ...Object.entries(targetGroups ?? {}).map(
      ([slot, arn]) => [["targetGroups", slot] as PropertyKey[], arn] as const,
    ),
    ...(test === undefined ? [] : [[["reach", "testListener"] as PropertyKey[], test] as const]),
  ];
}

/** An ARN says its account and region: others than the configured ones are a slip. */
function elsewhere(
  context: z.RefinementCtx,
  { account: own, region: here }: Placed,
  at: PropertyKey[],
  arn: string,
) {
  const [, there, foreign] = ARN_PARTS.exec(arn) ?? [];
  if (foreign !== undefined && foreign !== own)
    contradiction(context, `this ARN is of account ${foreign}, and the service's is ${own}`, at);
  else if (there !== undefined && here !== undefined && there !== here)
    contradiction(context, `this ARN is of region ${there}, and the service's is ${here}`, at);
}

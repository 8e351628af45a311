import { AwsError, Timeline, type Chance, type Input, type Operation, type World } from "../kernel.ts";
import { records, text } from "./input.ts";
import { EMPTY_BOOK, type Book } from "./model.ts";

/** What every operation works with: the book, and how names are given. */
export interface Desk {
  readonly world: World;
  readonly options: ElbOptions;
  /** The present. */
  readonly book: Book;
  seen(at: number): Book;
  /** One step: all of it or nothing. */
  change(next: Partial<Book>): void;
  /** 16 hexadecimal digits, as in ARNs. */
  id(): string;
  arn(resource: string): string;
}

export interface ElbOptions {
  /** Delays of the nodes, in turn (ms of the world), until they apply a change; 0 by default. */
  readonly propagation?: readonly number[];
  /**
   * Whether a group's stickiness cookie begins anew with every answer (by default, the harder case: a busy client stays
   * with its group for ever) or ends when it was first said to.
   */
  readonly groupCookie?: "renewed" | "kept";
  /** How long a new load balancer is `provisioning`, ms of the world; 0 by default. */
  readonly provisioning?: number;
  /**
   * Entries of a page when the caller does not say (assumed: the API reference gives no number; a small one finds out who
   * does not follow markers).
   */
  readonly pageSize?: number;
  /** What EC2 knows of a subnet; by default each is in a zone of its own, in turn. */
  readonly subnet?: (id: string) => { readonly zone: string; readonly vpc: string } | undefined;
  /** DNS names that HTTPS listeners can prove; the load balancers' own are always among them. */
  readonly certificateNames?: readonly string[];
}

export function openDesk(
  world: World,
  options: ElbOptions,
  changed: (before: Book, now: Book) => void,
): Desk {
  const chance: Chance = world.chance.fork("elb/ids");
  const book = new Timeline<Book>(world.clock, EMPTY_BOOK);
  const digit = () => Math.floor(chance.next() * 16).toString(16);
  return {
    world,
    options,
    get book() {
      return book.now;
    },
    seen: (at) => book.seen(at),
    change: (next) => {
      const before = book.now;
      book.set({ ...before, ...next });
      changed(before, book.now);
    },
    id: () => Array.from({ length: 16 }, digit).join(""),
    arn: (resource) => `arn:aws:elasticloadbalancing:${world.region}:${world.account}:${resource}`,
  };
}

type Handle = Operation["handle"];

/** Service authorization reference, "Elastic Load Balancing V2": Describe actions know no resources. */
export const reading = (name: string, handle: Handle): Operation => ({
  action: `elasticloadbalancing:${name}`,
  mutating: false,
  resources: () => ["*"],
  handle,
});

/** `tagged`: ARNs that AddTags is asked for besides when the call brings tags (service authorization reference, dependent actions). */
export const writing = (
  name: string,
  resources: (input: Input) => readonly string[],
  handle: Handle,
  tagged?: (input: Input) => readonly string[],
): Operation => ({
  action: `elasticloadbalancing:${name}`,
  mutating: true,
  resources,
  conditions: tagConditions,
  ...(tagged !== undefined && {
    also: (input) =>
      records(input, "Tags").length === 0
        ? []
        : [{ action: "elasticloadbalancing:AddTags", resources: tagged(input) }],
  }),
  handle,
});

export const arnsOf =
  (...names: readonly string[]) =>
  (input: Input): readonly string[] =>
    names.map((name) => text(input, name) ?? "").filter((arn) => arn !== "");

/** IAM user guide, "Global condition keys": aws:RequestTag/key and aws:TagKeys. */
function tagConditions(input: Input): Readonly<Record<string, readonly string[]>> {
  const tags = records(input, "Tags").map(
    (tag) => [text(tag, "Key") ?? "", text(tag, "Value") ?? ""] as const,
  );
  if (tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map(([key, value]) => [`aws:RequestTag/${key}`, [value]])),
    "aws:TagKeys": tags.map(([key]) => key),
  };
}

export const notFound = {
  loadBalancer: (what: string) =>
    new AwsError("LoadBalancerNotFound", `Load balancers '[${what}]' not found`),
  listener: (what: string) => new AwsError("ListenerNotFound", `One or more listeners not found: ${what}`),
  rule: (what: string) => new AwsError("RuleNotFound", `One or more rules not found: ${what}`),
  targetGroup: (what: string) =>
    new AwsError("TargetGroupNotFound", `One or more target groups not found: ${what}`),
};

/** The entry of a required member, or the documented "not found". */
export function lookUp<T>(map: ReadonlyMap<string, T>, arn: string, kind: keyof typeof notFound): T {
  const found = map.get(arn);
  if (found === undefined) throw notFound[kind](arn);
  return found;
}

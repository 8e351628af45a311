import { AwsError, Timeline, type CallContext, type Input, type Operation, type World } from "../kernel.ts";
import { records, required, text } from "./input.ts";
import type { ComputeState } from "./types.ts";

/** What the parts of EC2 share: the state with its past, ids, and how an operation is made. */
export interface Ec2 {
  readonly world: World;
  readonly past: Timeline<ComputeState>;
  readonly state: ComputeState;
  change<K extends keyof ComputeState>(
    part: K,
    id: string,
    value: ValueOf<ComputeState[K]> | undefined,
  ): void;
  /** `i-0123456789abcdef0` */
  newId(prefix: string): string;
  arn(resource: string): string;
  tag(id: string, tags: Readonly<Record<string, string>>): void;
  /** An idempotent creation: the same token answers the same again. */
  once<T>(token: string | undefined, operation: string, input: Input, create: () => T): T;
}

type ValueOf<M> = M extends ReadonlyMap<string, infer V> ? V : never;

export function createContext(world: World): Ec2 {
  const chance = world.chance.fork("ec2 ids");
  const past = new Timeline<ComputeState>(world.clock, {
    vpcs: new Map(),
    subnets: new Map(),
    securityGroups: new Map(),
    images: new Map(),
    templates: new Map(),
    instances: new Map(),
    tags: new Map(),
  });
  const tokens = new Map<string, { readonly asked: string; readonly answer: unknown }>();
  const context: Ec2 = {
    world,
    past,
    get state() {
      return past.now;
    },
    change: (part, id, value) => {
      const next = new Map<string, unknown>(past.now[part]);
      if (value === undefined) next.delete(id);
      else next.set(id, value);
      past.set({ ...past.now, [part]: next });
    },
    newId: (prefix) => {
      const digits = Array.from({ length: 16 }, () => Math.floor(chance.next() * 16).toString(16));
      return `${prefix}-0${digits.join("")}`;
    },
    arn: (resource) => `arn:aws:ec2:${world.region}:${world.account}:${resource}`,
    tag: (id, tags) => context.change("tags", id, { ...past.now.tags.get(id), ...tags }),
    once: <T>(token: string | undefined, operation: string, input: Input, create: () => T): T => {
      if (token === undefined) return create();
      const key = `${operation} ${token}`;
      const asked = JSON.stringify(input);
      const known = tokens.get(key);
      // https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html: same token, other parameters
      if (known && known.asked !== asked) {
        throw new AwsError(
          "IdempotentParameterMismatch",
          "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        );
      }
      if (known) return known.answer as T;
      const answer = create();
      tokens.set(key, { asked, answer });
      return answer;
    },
  };
  return context;
}

export interface Handles {
  readonly resources?: (input: Input) => readonly string[];
  readonly also?: NonNullable<Operation["also"]>;
  readonly handle: (input: Input, context: CallContext) => unknown;
}

/**
 * DryRun checks the permissions, which were checked before this, and nothing else:
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (DryRunOperation).
 */
function unlessDryRun(handle: Handles["handle"]): Handles["handle"] {
  return (input, context) => {
    if (text(input, "DryRun") === "true") {
      throw new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    }
    return handle(input, context);
  };
}

export function reads(name: string, handle: Handles["handle"]): Operation {
  // EC2's Describe actions know no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
  return { action: `ec2:${name}`, mutating: false, resources: () => ["*"], handle: unlessDryRun(handle) };
}

export function writes(name: string, { resources, also, handle }: Handles): Operation {
  return {
    action: `ec2:${name}`,
    mutating: true,
    resources: resources ?? (() => ["*"]),
    conditions: requestTags,
    ...(also && { also }),
    handle: unlessDryRun(handle),
  };
}

/** Tags of the request, whether they come as `Tag` or inside `TagSpecification`. */
function requestTags(input: Input): Record<string, readonly string[]> {
  const tags = [
    ...records(input, "Tag"),
    ...records(input, "TagSpecification").flatMap((one) => records(one, "Tag")),
  ];
  const keys = tags.map((tag) => text(tag, "Key") ?? "");
  return {
    ...Object.fromEntries(
      tags.map((tag) => [`aws:RequestTag/${text(tag, "Key") ?? ""}`, [text(tag, "Value") ?? ""]]),
    ),
    ...(keys.length > 0 && { "aws:TagKeys": keys }),
  };
}

/** `TagSpecification.N` for one type of resource. */
export function specifiedTags(input: Input, resourceType: string): Record<string, string> {
  const found = records(input, "TagSpecification")
    .filter((one) => text(one, "ResourceType") === resourceType)
    .flatMap((one) => records(one, "Tag"));
  return Object.fromEntries(found.map((tag) => [required(tag, "Key"), text(tag, "Value") ?? ""]));
}

export function tagSet(tags: Readonly<Record<string, string>> | undefined): { key: string; value: string }[] {
  return Object.entries(tags ?? {}).map(([key, value]) => ({ key, value }));
}

/** EC2 pages only when it is asked to: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination */
export function pageSize(input: Input, most = 1000): number {
  const asked = text(input, "MaxResults");
  if (asked === undefined) return Number.POSITIVE_INFINITY;
  const size = Number(asked);
  if (size >= 1 && size <= most) return size;
  throw new AwsError(
    "InvalidParameterValue",
    `Value ( ${asked} ) for parameter MaxResults is invalid. Expecting a value between 1 and ${most}.`,
  );
}

import { AwsError, type Input, type Operation } from "../../kernel.ts";
import { notFound, reading, writing, type Desk } from "../desk.ts";
import { invalid, need, records, text, texts } from "../input.ts";
import type { Attributes, Book } from "../model.ts";
import { TAGS } from "../quotas.ts";

const resources = (input: Input) => texts(input, "ResourceArns");

export function tagOperations(desk: Desk): Record<string, Operation> {
  return {
    AddTags: writing("AddTags", resources, (input) => {
      const added = readTags(input);
      return retag(desk, input, (before) => new Map([...before, ...added]));
    }),
    RemoveTags: writing("RemoveTags", resources, (input) => {
      const keys = new Set(texts(input, "TagKeys"));
      return retag(desk, input, (before) => new Map([...before].filter(([key]) => !keys.has(key))));
    }),
    DescribeTags: reading("DescribeTags", (input, { seenAt }) => {
      const book = desk.seen(seenAt);
      const arns = resources(input);
      // API reference, DescribeTags: up to 20 resources in one call.
      if (arns.length === 0 || arns.length > 20)
        throw invalid("Between 1 and 20 resources can be described in a single call");
      return {
        TagDescriptions: arns.map((arn) => {
          check(book, arn);
          const tags = [...(book.tags.get(arn) ?? [])].map(([Key, Value]) => ({ Key, Value }));
          return { ResourceArn: arn, Tags: tags };
        }),
      };
    }),
  };
}

function retag(desk: Desk, input: Input, change: (before: Attributes) => Attributes): Record<string, never> {
  const { book } = desk;
  const arns = resources(input);
  if (arns.length === 0) throw invalid("ResourceArns must not be empty");
  const tags = new Map(book.tags);
  for (const arn of arns) {
    check(book, arn);
    const after = change(tags.get(arn) ?? new Map());
    limit(after);
    tags.set(arn, after);
  }
  desk.change({ tags });
  return {};
}

/** Tags of a call that makes something. */
export function readTags(input: Input): Attributes {
  const given = records(input, "Tags").map((tag) => [need(tag, "Key"), text(tag, "Value") ?? ""] as const);
  const tags = new Map(given);
  // API reference, AddTags: DuplicateTagKeys, a tag key was specified more than once.
  if (tags.size !== given.length)
    throw new AwsError("DuplicateTagKeys", "A tag key was specified more than once");
  // API reference, Tag: keys up to 128 characters, values up to 256, not beginning with aws:.
  for (const [key, value] of tags) {
    if (key.length > 128 || value.length > 256 || /^aws:/i.test(key))
      throw invalid(`Tag '${key}' is not valid`);
  }
  limit(tags);
  return tags;
}

/** API reference, AddTags: TooManyTags. */
function limit(tags: Attributes): void {
  if (tags.size > TAGS)
    throw new AwsError("TooManyTags", `The maximum number of tags for a resource is ${TAGS}`);
}

/** API reference, AddTags: the "not found" of what the ARN says it is. */
function check(book: Book, arn: string): void {
  const kind = /^arn:aws:elasticloadbalancing:[^:]*:\d{12}:([a-z-]+)\//.exec(arn)?.[1] ?? "";
  switch (kind) {
    case "loadbalancer":
      if (!book.loadBalancers.has(arn)) throw notFound.loadBalancer(arn);
      return;
    case "listener":
      if (!book.listeners.has(arn)) throw notFound.listener(arn);
      return;
    case "listener-rule":
      if (!book.rules.has(arn)) throw notFound.rule(arn);
      return;
    case "targetgroup":
      if (!book.targetGroups.has(arn)) throw notFound.targetGroup(arn);
      return;
    default:
      throw invalid(`'${arn}' is not a valid resource ARN`);
  }
}

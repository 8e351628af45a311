import { AwsError, type Operation } from "../kernel.ts";
import { pageSize, reads, writes, type Ec2 } from "./context.ts";
import { passes } from "./filters.ts";
import { records, required, text, texts } from "./input.ts";
import { page } from "./page.ts";

/** Kind of a resource by the beginning of its id. */
const TYPES: Readonly<Record<string, string>> = {
  i: "instance",
  ami: "image",
  lt: "launch-template",
  sg: "security-group",
  subnet: "subnet",
  vpc: "vpc",
};

export function resourceType(id: string): string {
  return TYPES[id.slice(0, id.indexOf("-"))] ?? "unknown";
}

export function tagOperations(ec2: Ec2): Record<string, Operation> {
  const arns = (input: Parameters<Operation["resources"]>[0]) =>
    texts(input, "ResourceId").map((id) => ec2.arn(`${resourceType(id)}/${id}`));
  const known = (id: string) => {
    const { instances, images, templates, securityGroups, subnets, vpcs } = ec2.state;
    if ([instances, images, templates, securityGroups, subnets, vpcs].some((all) => all.has(id))) return id;
    throw new AwsError("InvalidID", `The ID '${id}' is not valid`);
  };
  return {
    CreateTags: writes("CreateTags", {
      resources: arns,
      handle: (input) => {
        const tags = Object.fromEntries(
          records(input, "Tag").map((tag) => [required(tag, "Key"), text(tag, "Value") ?? ""]),
        );
        const ids = texts(input, "ResourceId").map(known);
        for (const id of ids) {
          // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions: 50 tags
          if (Object.keys({ ...ec2.state.tags.get(id), ...tags }).length > 50) {
            throw new AwsError(
              "TagLimitExceeded",
              `The maximum number of tags per resource, 50, was exceeded by '${id}'.`,
            );
          }
        }
        for (const id of ids) ec2.tag(id, tags);
        return { return: true };
      },
    }),
    DeleteTags: writes("DeleteTags", {
      resources: arns,
      handle: (input) => {
        const gone = records(input, "Tag").map((tag) => ({
          key: required(tag, "Key"),
          value: text(tag, "Value"),
        }));
        for (const id of texts(input, "ResourceId").map(known)) {
          const left = Object.entries(ec2.state.tags.get(id) ?? {}).filter(
            ([key, value]) => !gone.some((tag) => tag.key === key && (tag.value ?? value) === value),
          );
          ec2.change("tags", id, gone.length === 0 ? {} : Object.fromEntries(left));
        }
        return { return: true };
      },
    }),
    DescribeTags: reads("DescribeTags", (input, { seenAt }) => {
      const found = [...ec2.past.seen(seenAt).tags]
        .flatMap(([id, tags]) =>
          Object.entries(tags).map(([key, value]) => ({
            resourceId: id,
            resourceType: resourceType(id),
            key,
            value,
          })),
        )
        .filter((tag) =>
          passes(input, {
            fields: {
              "resource-id": tag.resourceId,
              "resource-type": tag.resourceType,
              key: tag.key,
              value: tag.value,
            },
            tags: { [tag.key]: tag.value },
          }),
        );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return { tagSet: shown.items, nextToken: shown.next };
    }),
  };
}

import type { Input, Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { records, required, text, texts } from "../compute/input.ts";
import type { Asg } from "./context.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import { invalid, mergedTags } from "./rules.ts";
import type { GroupTag } from "./types.ts";
import { tagView } from "./view.ts";

/** Tags of groups. They reach instances only at launch: API_CreateOrUpdateTags, API_Tag (PropagateAtLaunch). */
export function tagOperations(asg: Asg): Record<string, Operation> {
  return {
    CreateOrUpdateTags: writes(asg, "CreateOrUpdateTags", (input) => {
      const merged = [...Map.groupBy(records(input, "Tags"), groupOf)].map(([name, tags]) => ({
        name,
        tags: mergedTags([...asg.group(name).tags, ...tags.map(tagOf)]),
      }));
      for (const { name, tags } of merged) asg.changeGroup(name, { tags });
      return {};
    }),
    DeleteTags: writes(asg, "DeleteTags", (input) => {
      const gone = [...Map.groupBy(records(input, "Tags"), groupOf)].map(([name, tags]) => ({
        group: asg.group(name),
        keys: tags.map((tag) => required(tag, "Key")),
      }));
      for (const { group, keys } of gone) {
        asg.changeGroup(group.name, { tags: group.tags.filter(({ key }) => !keys.includes(key)) });
      }
      return {};
    }),
    DescribeTags: reads("DescribeTags", (input, { seenAt }) => {
      const found = [...asg.past.seen(seenAt).groups.values()].flatMap((group) =>
        group.tags.filter((tag) => passes(input, group.name, tag)).map((tag) => tagView(group.name, tag)),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
      return { Tags: shown.items, NextToken: shown.next };
    }),
  };
}

function groupOf(tag: Input): string {
  if (text(tag, "ResourceType") !== "auto-scaling-group")
    throw invalid("The only supported value for ResourceType is auto-scaling-group.");
  return required(tag, "ResourceId");
}

function tagOf(tag: Input): GroupTag {
  return {
    key: required(tag, "Key"),
    value: text(tag, "Value") ?? "",
    propagate: text(tag, "PropagateAtLaunch") === "true",
  };
}

/** API_DescribeTags (Filters). */
function passes(input: Input, group: string, tag: GroupTag): boolean {
  return records(input, "Filters").every((filter) => {
    const [name, values] = [required(filter, "Name"), texts(filter, "Values")];
    const fields: Readonly<Record<string, string>> = {
      "auto-scaling-group": group,
      key: tag.key,
      value: tag.value,
      "propagate-at-launch": String(tag.propagate),
    };
    const field = fields[name];
    if (field === undefined) throw invalid(`Filter type ${name} is not correct.`);
    return values.includes(field);
  });
}

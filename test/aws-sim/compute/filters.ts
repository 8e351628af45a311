import { AwsError, type Input } from "../kernel.ts";
import { records, text, texts } from "./input.ts";

/** What filters see of a resource: texts by the filter's name; tags apart. */
export interface Filterable {
  readonly fields: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Whether a resource passes all filters: values of one filter are alternatives, `*` and `?` are wildcards, names and
 * values are case-sensitive: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
 * @throws AwsError `InvalidParameterValue` for a filter that this kind of resource does not have.
 */
export function passes(input: Input, resource: Filterable): boolean {
  return records(input, "Filter").every((filter) => {
    const name = text(filter, "Name") ?? "";
    const wanted = texts(filter, "Value").map(pattern);
    return values(name, resource).some((value) => wanted.some((one) => one.test(value)));
  });
}

function values(name: string, { fields, tags }: Filterable): readonly string[] {
  if (name.startsWith("tag:")) {
    const value = tags[name.slice("tag:".length)];
    return value === undefined ? [] : [value];
  }
  if (name === "tag-key") return Object.keys(tags);
  if (!(name in fields)) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
  const value = fields[name];
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

function pattern(text: string): RegExp {
  const source = text
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}

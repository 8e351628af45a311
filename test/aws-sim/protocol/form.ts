import { AwsError, type Input, type InputValue } from "../kernel.ts";

/* Form parameters with dotted names, as the query and EC2 protocols send them. */

interface Node {
  text?: string;
  readonly children: Map<string, Node>;
}

/**
 * `Names.member.1=a&Filters.member.1.Name=b` (query) or `InstanceId.1=a` (EC2) as records and lists. An empty list is
 * sent as an empty text (`Names=`): https://smithy.io/2.0/aws/protocols/aws-query-protocol.html (collection serialisation).
 */
export function parseForm(body: string): { readonly action: string; readonly input: Input } {
  const root: Node = { children: new Map() };
  let action = "";
  for (const [name, text] of new URLSearchParams(body)) {
    if (name === "Action") action = text;
    else if (name !== "Version") place(root, name.split("."), text);
  }
  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: MissingAction
  if (action === "")
    throw new AwsError("MissingAction", "The request is missing an action or a required parameter");
  return { action, input: record(root) };
}

function place(node: Node, path: readonly string[], text: string): void {
  let at = node;
  for (const part of path) {
    const next: Node = at.children.get(part) ?? { children: new Map() };
    at.children.set(part, next);
    at = next;
  }
  at.text = text;
}

function value(node: Node): InputValue {
  if (node.children.size === 0) return node.text ?? "";
  const wrapped = node.children.size === 1 ? node.children.get("member") : undefined;
  const list = wrapped ?? node;
  if ([...list.children.keys()].every((key) => /^\d+$/.test(key)) && list.children.size > 0) {
    return [...list.children].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, child]) => value(child));
  }
  return record(node);
}

function record(node: Node): Input {
  return Object.fromEntries([...node.children].map(([name, child]) => [name, value(child)]));
}

import type { Memory, Outcome } from "./scenario.ts";

/** Where two servers differ: `elasticloadbalancing:ModifyRule Rules[].Actions[].Type`, and what each of them says there. */
export interface Difference {
  readonly where: string;
  /** Texts of the values, sorted; `-` where the member is absent. */
  readonly simulator: string;
  readonly moto: string;
}

/** Everything that differs in what came of the same steps, with ids, ARNs, names of hosts and instants made equal. */
export function differences(
  simulator: { readonly outcomes: ReadonlyMap<string, Outcome>; readonly memory: Memory },
  moto: { readonly outcomes: ReadonlyMap<string, Outcome>; readonly memory: Memory },
): readonly Difference[] {
  return [...simulator.outcomes.keys()].flatMap((step) => {
    const [one, other] = [simulator.outcomes.get(step)!, moto.outcomes.get(step)!];
    // Where one answers and the other refuses, that is the difference.
    if (one.is !== other.is) return [{ where: `${step} error`, simulator: codeOf(one), moto: codeOf(other) }];
    const a = leaves(one, simulator.memory);
    const b = leaves(other, moto.memory);
    const paths = [...new Set([...a.keys(), ...b.keys()])];
    const said = (of: ReadonlyMap<string, readonly string[]>, path: string) =>
      of.get(path)?.join(" | ") ?? "-";
    return paths
      .map((path) => ({ where: `${step} ${path}`, simulator: said(a, path), moto: said(b, path) }))
      .filter((each) => each.simulator !== each.moto);
  });
}

function codeOf(outcome: Outcome): string {
  return outcome.is === "error" ? outcome.code : "-";
}

/** The values of an answer by their paths; the indices of lists are left out, so order does not count. */
function leaves(outcome: Outcome, memory: Memory): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const walk = (value: unknown, path: string): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) walk(item, `${path}[]`);
    } else if (value instanceof Date) {
      keep(path, "<instant>");
    } else if (typeof value === "object") {
      // The body of an object in S3, which is compared where it is read.
      if ("pipe" in value) return;
      for (const [key, inner] of Object.entries(value)) walk(inner, path === "" ? key : `${path}.${key}`);
    } else keep(path, equalised(typeof value === "string" ? value : JSON.stringify(value), memory));
  };
  const keep = (path: string, text: string) => found.set(path, [...(found.get(path) ?? []), text].sort());
  if (outcome.is === "error") keep("error", outcome.code);
  else walk(outcome.output, "");
  return found;
}

function equalised(text: string, memory: Memory): string {
  const named = Object.entries(memory)
    .sort(([, a], [, b]) => b.length - a.length)
    .reduce((so, [name, value]) => so.replaceAll(value, `<${name}>`), text);
  return named
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z?/gu, "<instant>")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gu, "<uuid>")
    .replaceAll(/\b[a-z]{1,6}-[0-9a-f]{8,17}\b/gu, "<id>")
    .replaceAll(/\/[0-9a-f]{16}\b/gu, "/<hex>")
    .replaceAll(/\b\d{12}\b/gu, "<account>");
}

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan, Step, StrategyKind } from "../src/core/plan.ts";
import { revertPlan } from "../src/core/planning/revert.ts";
import { blueServes, observed, planned, request, slot, V1, V2 } from "../src/core/planning/testing.ts";
import type { Course } from "../src/core/transition.ts";
import { explore, type Edge, type Node } from "./lifecycle/explore.ts";

/** Writes the diagrams of `docs/lifecycle.md` from the state machine and the planners. */

export const PAGE = join(import.meta.dirname, "../docs/lifecycle.md");

const NAMES: Readonly<Record<Node, string>> = {
  forward: "running forward",
  waiting: "waiting",
  warm: "warm",
  back: "running back",
  waitingBack: "waiting, going back",
  finished: "finished",
};

const STRATEGIES: readonly StrategyKind[] = ["blueGreen", "canary", "rolling", "recreate"];

function planOf(kind: StrategyKind): Plan {
  const migrations = { expand: true, contract: true, destructive: false };
  return planned(request(kind, {}, { migrations }), blueServes(4));
}

/** An arrow of the diagram: everything that leads from one node to another. */
interface Arrow {
  readonly from: Node;
  readonly to: Node;
  readonly labels: readonly string[];
}

/** All arrows, each label with its condition where it does not always hold. */
export function arrows(): readonly Arrow[] {
  const plan = planOf("blueGreen");
  const course: Course = { forward: plan.steps, back: backFromBake(), pastNoReturn: false };
  const edges = explore(course);
  const beyond = explore({ ...course, pastNoReturn: true });
  const order = Object.keys(NAMES);
  const grouped = Map.groupBy(edges, ({ from, to }) => `${order.indexOf(from)} ${order.indexOf(to)}`);
  return [...grouped]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, between]) => {
      const byLabel = Map.groupBy(between, (edge) => edge.label);
      const labels = [...byLabel].map(([label, same]) => label + condition(same, edges, beyond));
      return { from: between[0]!.from, to: between[0]!.to, labels: labels.toSorted() };
    });
}

/** What is waited for, unless it does not matter; and a mark for what cannot be any more once there is no way back. */
function condition(same: readonly Edge[], all: readonly Edge[], beyond: readonly Edge[]): string {
  const [first] = same;
  if (first === undefined) return "";
  const reasons = reasonsOf(same);
  const every = reasonsOf(all.filter(({ from }) => from === first.from));
  const only = reasons.length === every.length ? "" : ` (${reasons.join(", ")})`;
  const later = beyond.filter(({ from }) => from === first.from);
  const gone = later.length > 0 && !later.some(({ to, label }) => to === first.to && label === first.label);
  return only + (gone ? " †" : "");
}

function reasonsOf(edges: readonly Edge[]): readonly string[] {
  return [...new Set(edges.flatMap(({ when }) => (when === undefined ? [] : [when])))].toSorted();
}

function stateDiagram(all: readonly Arrow[]): string {
  const nodes = Object.entries(NAMES).map(([node, name]) => `  ${node}: ${name}`);
  const lines = all.map(({ from, to, labels }) => `  ${from} --> ${to}: ${labels.join("<br/>")}`);
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> forward",
    ...nodes,
    ...lines,
    "  finished --> [*]",
    "```",
  ].join("\n");
}

function stateText(all: readonly Arrow[]): string {
  const blocks = [...Map.groupBy(all, ({ from }) => from)].map(([from, out]) => {
    const lines = out.flatMap(({ to, labels }) =>
      labels.map((label) => `  ${label.padEnd(44)} -> ${NAMES[to]}`),
    );
    return [NAMES[from], ...lines].join("\n");
  });
  return ["```text", blocks.join("\n\n"), "```"].join("\n");
}

/** The steps of each plan, one below the other; rounded where traffic moves. */
function stepsDiagram(): string {
  const charts = STRATEGIES.map((kind) => {
    const steps = planOf(kind).steps.map(({ id, do: action }, i) => {
      const [left, right] = action === "shift" ? ["([", "])"] : ["[", "]"];
      return `    ${kind}${i}${left}"${id}"${right}`;
    });
    const chain = steps.map((_, i) => `${kind}${i}`).join(" --> ");
    return [`  subgraph ${kind}`, "    direction TB", ...steps, `    ${chain}`, "  end"].join("\n");
  });
  return ["```mermaid", "flowchart LR", ...charts, "```"].join("\n");
}

function stepsText(): string {
  const rows = STRATEGIES.map((kind) => `${kind}\n  ${wrapped(planOf(kind).steps)}`);
  const back = `going back, from the bake of a blueGreen\n  ${wrapped(backFromBake())}`;
  return ["```text", [...rows, back].join("\n"), "```"].join("\n");
}

/** As the way back is planned when the candidate has the traffic. */
function backFromBake(): readonly Step[] {
  const seen = observed({ blue: 0, green: 100 }, slot("blue", V1, 4), slot("green", V2, 4));
  return revertPlan({ plan: planOf("blueGreen"), observed: seen });
}

function wrapped(steps: readonly Step[]): string {
  const lines: string[] = [];
  for (const { id } of steps) {
    const last = lines.at(-1);
    if (last === undefined || `${last}, ${id}`.length > 100) lines.push(id);
    else lines[lines.length - 1] = `${last}, ${id}`;
  }
  return lines.join(",\n  ");
}

/** The page with its diagrams made again. Throws when a marker is missing. */
export function withDiagrams(page: string): string {
  const all = arrows();
  const parts: Readonly<Record<string, string>> = {
    states: `${stateDiagram(all)}\n\n${stateText(all)}`,
    steps: `${stepsDiagram()}\n\n${stepsText()}`,
  };
  return Object.entries(parts).reduce((text, [name, content]) => {
    const pattern = new RegExp(`(<!-- generated:${name} -->\n)[^]*?(<!-- end -->)`);
    if (!pattern.test(text))
      throw new Error(`docs/lifecycle.md lacks "<!-- generated:${name} -->" ... "<!-- end -->"`);
    return text.replace(pattern, (_, begin: string, end: string) => `${begin}${content}\n${end}`);
  }, page);
}

if (import.meta.main) writeFileSync(PAGE, withDiagrams(readFileSync(PAGE, "utf8")));

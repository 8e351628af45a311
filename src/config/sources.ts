import { dotted, scalarsOf, type Tree } from "./tree.ts";

/** Where a value was written. */
export interface Source {
  /** Where it counts: `target.local.replicas`. */
  readonly path: string;
  /** Where it stands in the file: `environments.production.target.local.replicas`. */
  readonly written: string;
  readonly line: number;
  /** Variables that are part of it. */
  readonly variables: readonly string[];
}

export function sourcesOf(tree: Tree, text: string): readonly Source[] {
  return [...scalarsOf(tree)].map(([path, scalar]) => ({
    path: dotted(path),
    written: dotted(scalar.path),
    line: text.slice(0, scalar.at).split("\n").length,
    variables: scalar.variables,
  }));
}

import type { z } from "zod";
import { redact } from "../core/redact.ts";
import { nearest } from "./nearest.ts";
import { CODES, type Finding } from "./problem.ts";
import { dotted, locate, type Located, type Scalar, type Tree } from "./tree.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What the schema complains about, as findings in the file. */
export function findingsOf(issues: readonly Issue[], root: Tree, above: Path = []): readonly Finding[] {
  return issues.flatMap((issue) => findingOf(issue, root, [...above, ...issue.path]));
}

function findingOf(issue: Issue, root: Tree, path: Path): readonly Finding[] {
  if (issue.code === "unrecognized_keys") return unknownKeys(issue, root, path);
  if (issue.code === "invalid_union") {
    const meant = likeliestBranch(issue.errors);
    if (meant !== undefined) return findingsOf(meant, root, path);
  }
  if (issue.code === "invalid_key")
    return findingsOf(
      issue.issues.map((inner) => ({ ...inner, path: [] })),
      root,
      path,
    );
  const found = locate(root, path);
  if (found.depth < path.length) return [missingKey(issue, found, path)];
  const at = { at: found.tree.at, path: dotted(found.tree.path) };
  if (issue.code === "custom" && !isForm(issue)) {
    const contradiction = issue.params?.["contradiction"];
    const code = contradiction === undefined ? CODES.badValue : CODES.contradiction;
    const place = contradiction === "key" && found.keyAt !== undefined ? { ...at, at: found.keyAt } : at;
    return [{ ...place, code, message: sentence(issue.message, found.tree) }];
  }
  const code = isWrongKind(issue) ? CODES.wrongType : CODES.badValue;
  const message = `${lastKey(path)}: expected ${expectedBy(issue)}, got ${shown(found.tree)}`;
  return [{ ...at, code, message, ...hintFor(issue, found.tree) }];
}

/** No branch of a union takes a value of this kind; a text where one takes only certain texts is of the right kind. */
function isWrongKind(issue: Issue): boolean {
  if (issue.code !== "invalid_union") return issue.code === "invalid_type";
  return issue.errors.every((branch) =>
    branch.some((inner) => inner.path.length === 0 && isWrongKind(inner)),
  );
}

/** Of a union the branch that the value was meant for: the one whose kind fits, then the one with the fewest issues. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter(
    (issues) =>
      issues.length > 0 && !issues.some((issue) => issue.path.length === 0 && isKindMismatch(issue)),
  );
  return fitting.sort((a, b) => a.length - b.length)[0];
}

function isKindMismatch(issue: Issue): boolean {
  if (issue.code === "invalid_union") return likeliestBranch(issue.errors) === undefined;
  // For a union of forms a text of another form is no nearer than a number: the union's own words name them all.
  return issue.code !== "unrecognized_keys" && (issue.code !== "custom" || isForm(issue));
}

/** Its message is not a sentence but says what form was expected. */
function isForm(issue: Extract<Issue, { code: "custom" }>): boolean {
  return issue.params?.["expects"] === true;
}

function unknownKeys(
  issue: Extract<Issue, { code: "unrecognized_keys" }>,
  root: Tree,
  path: Path,
): readonly Finding[] {
  const valid = issue.message.split(",");
  return issue.keys.map((key) => {
    const { tree, keyAt } = locate(root, [...path, key]);
    const near = nearest(key, valid);
    const others = near === undefined ? `; known here: ${valid.join(", ")}` : "";
    return {
      at: keyAt ?? tree.at,
      path: dotted(tree.path),
      code: CODES.unknownKey,
      message: `unknown key "${key}"${path.length === 0 ? "" : ` in ${lastKey(path)}`}${others}`,
      ...(near === undefined ? {} : { hint: near }),
    };
  });
}

function missingKey(issue: Issue, parent: Located, path: Path): Finding {
  const key = dotted(path.slice(parent.depth));
  return {
    at: parent.keyAt ?? parent.tree.at,
    path: dotted(parent.tree.path),
    code: CODES.missingKey,
    message: `"${key}" is missing${parent.depth === 0 ? "" : ` in ${lastKey(path.slice(0, parent.depth))}`}: expected ${expectedBy(issue)}`,
  };
}

function expectedBy(issue: Issue): string {
  if (issue.message.startsWith("Invalid") && issue.code === "invalid_type")
    return { string: "text", record: "a map", array: "a list" }[issue.expected as string] ?? issue.expected;
  return issue.message;
}

function hintFor(issue: Issue, tree: Tree): { hint?: string } {
  if (tree.is !== "scalar" || tree.variables.length > 0) return {};
  const hint = nearest(String(tree.value), wordsOf(issue));
  return hint === undefined ? {} : { hint };
}

/** The words that would have been right, in a union those of all its branches. */
function wordsOf(issue: Issue): readonly string[] {
  if (issue.code === "invalid_union")
    return issue.errors
      .flat()
      .filter((inner) => inner.path.length === 0)
      .flatMap(wordsOf);
  return issue.code === "invalid_value" ? issue.values.filter((value) => typeof value === "string") : [];
}

function lastKey(path: Path): string {
  const from = path.findLastIndex((part) => typeof part === "string");
  return dotted(path.slice(Math.max(0, from)));
}

/** What stands in the file, never what a variable brought: that may be a secret. */
function shown(tree: Tree): string {
  if (tree.is === "map") return "a map";
  if (tree.is === "list") return "a list";
  if (tree.variables.length > 0) return `the value of ${nameVariables(tree)}`;
  if (tree.value === null) return "nothing";
  const text = redact(JSON.stringify(tree.value));
  return text.length <= 60 ? text : `${text.slice(0, 57)}..."`;
}

export function nameVariables(scalar: Scalar): string {
  return scalar.variables.map((name) => `\${${name}}`).join(" and ");
}

/** Sentences quote the value; where a variable brought it, a sentence without the quote takes their place. */
function sentence(message: string, tree: Tree): string {
  if (tree.is !== "scalar" || tree.variables.length === 0) return message;
  return `the value of ${nameVariables(tree)} does not fit here`;
}

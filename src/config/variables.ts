import { CODES, type Finding } from "./problem.ts";
import { dotted, mapScalars, type Scalar, type Tree } from "./tree.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** `$${` is a literal `${`; `${NAME}`; `${NAME:-default}`, also used when the variable is empty; else a fault. */
const REFERENCE = /\$\$\{|\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g;

export interface Substituted {
  readonly tree: Tree;
  readonly findings: readonly Finding[];
}

/**
 * Replaces the variables in scalar values; never in keys, never in the text of the file, so that no value can
 * change the file's structure. What a variable brings is not looked at again.
 */
export function substitute(tree: Tree, env: Env): Substituted {
  const findings: Finding[] = [];
  const substituted = mapScalars(tree, (scalar) => {
    if (typeof scalar.value !== "string" || !scalar.value.includes("${")) return scalar;
    const result = substituteText(scalar.value, env);
    findings.push(...result.faults.map((fault) => findingAt(scalar, fault)));
    return {
      ...scalar,
      value: scalar.plain ? retype(result.text) : result.text,
      variables: result.used,
      missing: result.faults.map((fault) => fault.name ?? ""),
    };
  });
  return { tree: substituted, findings };
}

interface Fault {
  /** Absent: a `${` that starts no reference. */
  readonly name?: string;
  readonly nth: number;
}

function substituteText(
  value: string,
  env: Env,
): { text: string; used: readonly string[]; faults: readonly Fault[] } {
  const used: string[] = [];
  const faults: Fault[] = [];
  let nth = -1;
  const text = value.replace(REFERENCE, (match, name: string | undefined, fallback: string | undefined) => {
    nth++;
    if (match === "$${") return "${";
    if (name === undefined) {
      faults.push({ nth });
      return match;
    }
    const brought = Object.hasOwn(env, name) ? env[name] : undefined;
    if (brought !== undefined && (brought !== "" || fallback === undefined)) {
      used.push(name);
      return brought;
    }
    if (fallback === undefined) faults.push({ name, nth });
    return fallback ?? "";
  });
  return { text, used: [...new Set(used)], faults };
}

/** Without quotes, `replicas: ${N}` means a number; only texts that a number is written back as count (`01` does not). */
function retype(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text;
}

function findingAt(scalar: Scalar, { name, nth }: Fault): Finding {
  const at = scalar.at + ([...scalar.source.matchAll(REFERENCE)][nth]?.index ?? 0);
  const path = dotted(scalar.path);
  if (name === undefined) {
    return {
      at,
      path,
      code: CODES.badValue,
      message: "${ starts no variable: write ${NAME}, ${NAME:-default}, or $${ for a literal ${",
    };
  }
  return {
    at,
    path,
    code: CODES.undefinedVariable,
    message: `the variable ${name} is not set: set it, or write \${${name}:-default}`,
  };
}

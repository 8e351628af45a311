import { readFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { parseEnv } from "node:util";
import { jsonPathFindings } from "./check-rules.ts";
import { complete, type Config } from "./config.ts";
import { parse } from "./document.ts";
import { findConfig } from "./find.ts";
import { findingsOf } from "./issues.ts";
import { choose, others, type Choice, type Chosen } from "./layers.ts";
import { CODES, problemsIn, type Finding, type Problem } from "./problem.ts";
import { crossFindings, unsupported } from "./rules.ts";
import { effective, type Parsed } from "./schema/index.ts";
import { secretsIn, worthHiding } from "./secrets.ts";
import { sourcesOf, type Source } from "./sources.ts";
import { dotted, locate, scalarsOf, toPlain, type Tree, type TreeMap } from "./tree.ts";
import { substitute, type Env } from "./variables.ts";

export interface LoadInput {
  /** File to read; by default the nearest `teal.yaml` or `teal.yml` from `cwd` upwards. */
  readonly path?: string;
  /** Used instead of what the file holds; `path` still says what to call it and where relative paths start. */
  readonly text?: string;
  readonly env: Env;
  /** `--env` */
  readonly environment?: string;
  /** `--service` */
  readonly service?: string;
  readonly cwd: string;
}

export type Loaded =
  | {
      readonly is: "config";
      /** Absolute path of the file. */
      readonly file: string;
      readonly config: Config;
      /** Where every value was written, by the path where it counts. */
      readonly sources: readonly Source[];
      /** Values that came from variables or the env file: never print them. */
      readonly secrets: readonly string[];
      /** What was inferred and is worth a line to the user. */
      readonly notes: readonly string[];
    }
  | { readonly is: "invalid"; readonly problems: readonly Problem[] };

/** Longest file that is read, in characters. */
const LONGEST = 1_000_000;

/**
 * Loads the configuration and reports everything that is wrong with it at once. Throws for nothing that a file, a
 * variable or a missing file can cause.
 */
export async function loadConfig(input: LoadInput): Promise<Loaded> {
  const found = await read(input);
  if (found.is === "invalid") return found;
  const { file, text } = found;
  const name = relative(input.cwd, file) || basename(file);
  const { findings, secrets, ...rest } = await examine(file, text, input);
  if (findings.length > 0 || rest.config === undefined)
    return { is: "invalid", problems: problemsIn(name, text, findings, secrets) };
  return { is: "config", file, config: rest.config, sources: rest.sources, secrets, notes: rest.notes };
}

async function read(
  input: LoadInput,
): Promise<{ is: "read"; file: string; text: string } | Extract<Loaded, { is: "invalid" }>> {
  const given = input.path === undefined ? undefined : resolve(input.cwd, input.path);
  const file =
    given ?? (input.text === undefined ? await findConfig(input.cwd) : resolve(input.cwd, "teal.yaml"));
  if (file === undefined)
    return noFile("teal.yaml", `no teal.yaml here or in a folder above; write one, or name it with --config`);
  if (input.text !== undefined) return { is: "read", file, text: input.text };
  try {
    return { is: "read", file, text: await readFile(file, "utf8") };
  } catch (error) {
    return noFile(input.path ?? file, `cannot be read: ${reason(error)}`);
  }
}

function noFile(file: string, message: string): Extract<Loaded, { is: "invalid" }> {
  return {
    is: "invalid",
    problems: [{ file, line: 1, column: 1, path: "", message, code: CODES.file, excerpt: "" }],
  };
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    { ENOENT: "there is no such file", EACCES: "permission denied", EISDIR: "it is a folder" }[code ?? ""] ??
    message
  );
}

interface Examined {
  readonly findings: readonly Finding[];
  readonly secrets: readonly string[];
  readonly config?: Config;
  readonly sources: readonly Source[];
  readonly notes: readonly string[];
}

async function examine(file: string, text: string, input: LoadInput): Promise<Examined> {
  const nothing = { secrets: [], sources: [], notes: [] };
  if (text.length > LONGEST) {
    return {
      ...nothing,
      findings: [{ at: 0, path: "", code: CODES.tooLarge, message: `longer than ${LONGEST} characters` }],
    };
  }
  const parsing = parse(text);
  const root = parsing.tree;
  // A broken file makes follow-up errors that say nothing; a duplicate key breaks nothing.
  if (root === undefined || parsing.findings.some((finding) => finding.code !== CODES.duplicateKey))
    return { ...nothing, findings: parsing.findings };
  if (root.is !== "map")
    return {
      ...nothing,
      findings: [
        {
          at: root.at,
          path: "",
          code: CODES.wrongType,
          message: "expected a map of settings at the top of the file",
        },
      ],
    };

  const chosen = choose(root, choiceOf(input));
  const { tree, findings: unset } = substitute(chosen.tree, input.env);
  const checked = await check(tree);
  const envFile = await readEnvFile(tree, dirname(file));
  const secrets = worthHiding([...secretsIn(tree, input.env), ...envFile.values]);
  const undecided = chosen.findings.some(
    (finding) => finding.code === CODES.environment || finding.code === CODES.service,
  );
  // While it is open which environment is meant, keys may be missing that the right one brings.
  const own = undecided
    ? checked.findings.filter((finding) => finding.code !== CODES.missingKey)
    : checked.findings;
  const findings = [
    ...parsing.findings,
    ...chosen.findings,
    ...unset,
    ...own,
    ...envFile.findings,
    ...unsupported(tree),
    ...(await elsewhere(root, chosen, input.env)),
  ];
  if (findings.length > 0 || checked.value === undefined)
    return { findings, secrets, sources: [], notes: [] };
  const folder = dirname(file);
  const { config, notes } = complete(checked.value, chosen, folder);
  return { findings: [], secrets, config, sources: sourcesOf(tree, text), notes };
}

function choiceOf({ environment, service }: LoadInput): Choice {
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(service === undefined ? {} : { service }),
  };
}

/** Schema and rules. Where a variable is missing, its absence is the problem, not the hole it leaves. */
async function check(tree: Tree): Promise<{ value?: Parsed; findings: readonly Finding[] }> {
  // One file is parsed once: making code for its schema would take longer than it saves.
  const result = effective.safeParse(toPlain(tree), { jitless: true });
  const holes = new Set([...scalarsOf(tree)].flatMap(([, scalar]) => (isHole(scalar) ? [scalar.at] : [])));
  const all = [
    ...findingsOf(result.error?.issues ?? [], tree),
    ...crossFindings(tree),
    ...(await jsonPathFindings(tree)),
  ];
  const findings = all.filter(({ at }) => !holes.has(at));
  return result.success ? { value: result.data, findings } : { findings };
}

function isHole(tree: Tree): boolean {
  return tree.is === "scalar" && tree.missing.length > 0;
}

/** Faults of the environments that are not chosen: what their own machines must provide is not asked for here. */
async function elsewhere(root: TreeMap, chosen: Chosen, env: Env): Promise<readonly Finding[]> {
  const findings = others(root, chosen).map(async (other) => {
    const { findings: own } = await check(substitute(other.tree, env).tree);
    return [
      ...other.findings.filter((finding) => finding.code !== CODES.service),
      ...own.filter((finding) => finding.code !== CODES.missingKey),
    ];
  });
  return (await Promise.all(findings)).flat();
}

async function readEnvFile(
  tree: Tree,
  folder: string,
): Promise<{ values: readonly string[]; findings: readonly Finding[] }> {
  const { tree: node, depth } = locate(tree, ["target", "local", "envFile"]);
  if (depth < 3 || node.is !== "scalar" || typeof node.value !== "string" || isHole(node))
    return { values: [], findings: [] };
  try {
    const values = Object.values(parseEnv(await readFile(resolve(folder, node.value), "utf8")));
    return { values: values.filter((value) => value !== undefined), findings: [] };
  } catch (error) {
    const finding = {
      at: node.at,
      path: dotted(node.path),
      code: CODES.envFile,
      message: `envFile cannot be read: ${reason(error)}`,
    };
    return { values: [], findings: [finding] };
  }
}

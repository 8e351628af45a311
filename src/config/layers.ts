import { merge, without } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { CODES, type Finding } from "./problem.ts";
import { dotted, type Tree, type TreeMap } from "./tree.ts";

/** The parts of one file that make up one service in one environment, lowest first. */
export interface Chosen {
  readonly environment: string;
  /** Key of `services`, where the file has several. */
  readonly service?: string;
  readonly tree: Tree;
  readonly findings: readonly Finding[];
}

export interface Choice {
  readonly environment?: string;
  readonly service?: string;
}

/** What a file without `environments` calls its only one. */
export const DEFAULT_ENVIRONMENT = "default";

type Named = ReadonlyMap<string, TreeMap>;

/** Chooses environment and service and lays the parts over one another: base, service, environment, service in it. */
export function choose(root: TreeMap, choice: Choice): Chosen {
  const findings: Finding[] = [];
  const environments = namedMaps(root, "environments", ["environments", "teal", "service"], findings);
  const services = servicesOf(root, findings);
  const environment = pick(root, "environments", environments, choice.environment, findings);
  const over = environment === undefined ? undefined : environments?.get(environment);
  const inEnvironment = over && servicesOf(over, findings);
  const known = new Map([...(services ?? []), ...(inEnvironment ?? [])]);
  const service = pick(
    root,
    "services",
    services || inEnvironment ? known : undefined,
    choice.service,
    findings,
  );
  const layers = [root, service && services?.get(service), over, service && inEnvironment?.get(service)]
    .filter((layer) => typeof layer === "object")
    .map((layer) => without(layer, "environments", "services"));
  const tree = layers.reduce<Tree>(
    (lower, upper) => ({ ...merge(lower, upper), at: root.at, path: [] }),
    layers[0]!,
  );
  return {
    environment: environment ?? DEFAULT_ENVIRONMENT,
    tree,
    findings,
    ...(service === undefined ? {} : { service }),
  };
}

/** Every environment of the file but the chosen one, laid over the base: their faults are worth knowing too. */
export function others(root: TreeMap, chosen: Chosen): readonly Chosen[] {
  const entries = root.entries.get("environments")?.value;
  if (entries?.is !== "map") return [];
  const names = [...entries.entries.keys()].filter((name) => name !== chosen.environment);
  return names.map((environment) =>
    choose(root, { environment, ...(chosen.service === undefined ? {} : { service: chosen.service }) }),
  );
}

function servicesOf(layer: TreeMap, findings: Finding[]): Named | undefined {
  return namedMaps(layer, "services", ["environments", "services", "teal", "service"], findings);
}

/** A section that maps names to layers. `undefined`: the file does not have it. */
function namedMaps(
  layer: TreeMap,
  key: string,
  refused: readonly string[],
  findings: Finding[],
): Named | undefined {
  const section = layer.entries.get(key);
  if (section === undefined) return undefined;
  const place = { at: section.value.at, path: dotted(section.value.path) };
  if (section.value.is !== "map") {
    findings.push({
      ...place,
      code: CODES.wrongType,
      message: `${key}: expected a map of names to settings, got no map`,
    });
    return undefined;
  }
  const named = new Map<string, TreeMap>();
  for (const { key: name, keyAt, value } of section.value.entries.values()) {
    const path = dotted(value.path);
    if (!/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/.test(name)) {
      findings.push({
        at: keyAt,
        path,
        code: CODES.badValue,
        message: `"${name}": expected a name of at most 50 lower-case letters, digits and dashes`,
      });
    }
    if (value.is === "map") named.set(name, allowed(value, refused, findings));
    // `staging:` with nothing below it is an environment that changes nothing.
    else if (value.is === "scalar" && value.value === null)
      named.set(name, { is: "map", at: value.at, path: value.path, entries: new Map() });
    else
      findings.push({
        at: value.at,
        path,
        code: CODES.wrongType,
        message: `${name}: expected a map of settings, got something else`,
      });
  }
  return named;
}

function allowed(layer: TreeMap, refused: readonly string[], findings: Finding[]): TreeMap {
  for (const key of refused) {
    const entry = layer.entries.get(key);
    if (entry)
      findings.push({
        at: entry.keyAt,
        path: dotted(entry.value.path),
        code: CODES.unknownKey,
        message: `"${key}" can stand at the top of the file only`,
      });
  }
  return without(layer, ...refused);
}

const WORDING = {
  environments: { one: "environment", option: "--env", code: CODES.environment },
  services: { one: "service", option: "--service", code: CODES.service },
} as const;

/** The name to use. A service alone is meant; an environment never is unless it is named. */
function pick(
  root: TreeMap,
  key: keyof typeof WORDING,
  named: Named | undefined,
  wanted: string | undefined,
  findings: Finding[],
): string | undefined {
  const { one, option, code } = WORDING[key];
  const entry = root.entries.get(key);
  const place = { at: entry?.keyAt ?? root.at, path: entry ? key : "", code };
  const names = [...(named?.keys() ?? [])];
  if (wanted !== undefined && named?.has(wanted)) return wanted;
  if (wanted !== undefined) {
    if (key === "environments" && !entry && wanted === DEFAULT_ENVIRONMENT) return undefined;
    const hint = nearest(wanted, names);
    const known = names.length === 0 ? `this file has no ${key}` : `known: ${names.join(", ")}`;
    findings.push({
      ...place,
      message: `no ${one} "${wanted}"; ${known}`,
      ...(hint === undefined ? {} : { hint }),
    });
    return undefined;
  }
  if (names.length === 0) return undefined;
  if (key === "services" && names.length === 1) return names[0];
  const count = names.length === 1 ? `one ${one}` : `${names.length} ${key}`;
  findings.push({
    ...place,
    message: `this file has ${count} and none is chosen: say ${names.map((name) => `${option} ${name}`).join(" or ")}`,
  });
  return undefined;
}

import { checkFindings, kindIn } from "./check-rules.ts";
import { DEFAULTS } from "./defaults.ts";
import { CODES, type Finding } from "./problem.ts";
import { dotted, locate, scalarAt, type Tree } from "./tree.ts";

/**
 * Rules across sections. They read the tree and not the parsed value, so that they are reported together with
 * what the schema finds; what has no fitting value is left to the schema.
 */
export function crossFindings(tree: Tree): readonly Finding[] {
  const replicas = replicasOf(tree);
  const batch = scalarAt(tree, ["strategy", "rolling", "batch"], "number");
  const healthy = scalarAt(tree, ["health", "minHealthy"], "number");
  const findings: Finding[] = [];
  if (batch && replicas !== undefined && batch.value > replicas) {
    findings.push({
      ...batch,
      code: CODES.contradiction,
      message: `batch ${batch.value} is more than the ${count(replicas)} there are`,
    });
  }
  if (healthy && replicas !== undefined && healthy.value > replicas) {
    findings.push({
      ...healthy,
      code: CODES.contradiction,
      message: `minHealthy ${healthy.value} is more than the ${count(replicas)} there are`,
    });
  }
  return [...findings, ...checkFindings(tree), ...targetFindings(tree)];
}

/** How many a first deployment starts; undefined where template or group say it, which nobody has read yet. */
function replicasOf(tree: Tree): number | undefined {
  const kind = kindIn(tree);
  if (kind !== "local") return scalarAt(tree, ["target", kind, "replicas"], "number")?.value;
  return scalarAt(tree, ["target", "local", "replicas"], "number")?.value ?? DEFAULTS.local.replicas;
}

function count(replicas: number): string {
  return replicas === 1 ? "one replica" : `${replicas} replicas`;
}

function targetFindings(tree: Tree): readonly Finding[] {
  const { tree: target, depth, keyAt } = locate(tree, ["target"]);
  if (depth === 0 || target.is !== "map") return [];
  const given = ["local", "kubernetes", "aws"].filter((kind) => target.entries.has(kind));
  const path = dotted(target.path);
  if (given.length === 0) {
    return [
      {
        at: keyAt ?? target.at,
        path,
        code: CODES.missingKey,
        message:
          '"local", "kubernetes" or "aws" is missing in target: local needs at least "listen" and "command", kubernetes "context", "namespace" and "template", aws "account" and "listener"',
      },
    ];
  }
  return given.slice(1).map((kind) => ({
    at: target.entries.get(kind)!.keyAt,
    path: dotted([...target.path, kind]),
    code: CODES.contradiction,
    message: `"${kind}" beside "${given[0]}": a service has one target; put the other into an environment`,
  }));
}

/** Parts of the format that this version does not carry out. Going on without them would be a lie. */
export function unsupported(tree: Tree): readonly Finding[] {
  const parts = [
    {
      path: ["database"],
      message: "database migrations are not in this version: run them yourself and remove this section",
    },
  ];
  return parts.flatMap(({ path, message }) => {
    const { tree: node, depth, keyAt } = locate(tree, path);
    return depth < path.length
      ? []
      : [{ at: keyAt ?? node.at, path: dotted(node.path), code: CODES.notYet, message }];
  });
}

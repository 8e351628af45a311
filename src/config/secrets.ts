import type { Env } from "./variables.ts";
import { scalarsOf, type Tree } from "./tree.ts";

/** Where a variable's value is something everybody may see, and hiding it would make every message unreadable. */
const PUBLIC: readonly string[] = [
  "service",
  "strategy",
  "errors",
  "startDeadline",
  "target.local.listen",
  "target.local.preview",
  "target.local.source",
  "target.local.replicas",
  "target.kubernetes.context",
  "target.kubernetes.kubeconfig",
  "target.kubernetes.namespace",
  "target.kubernetes.service",
  "target.kubernetes.container",
  "target.kubernetes.port",
  "target.kubernetes.replicas",
  "target.kubernetes.gateway.route",
  "target.kubernetes.template.deployment",
  "target.kubernetes.template.file",
  "target.kubernetes.template.image",
  "target.kubernetes.template.port",
  "target.aws.account",
  "target.aws.region",
  "target.aws.profile",
  "target.aws.listener",
  "target.aws.host",
  "target.aws.path",
  "target.aws.rules",
  "target.aws.groups",
  "target.aws.targetGroups",
  "target.aws.template",
  "target.aws.replicas",
  "target.aws.reach.testListener",
  "target.aws.reach.headerRule.header",
  "target.aws.state",
  "target.aws.publish",
];
/** Values that hide nothing; covering them would spoil messages that happen to contain the word. */
const WORDS = new Set([
  "true",
  "false",
  "null",
  "none",
  "info",
  "warn",
  "debug",
  "error",
  "trace",
  "test",
  "staging",
  "development",
  "production",
  "localhost",
]);
/** Covering single letters and digits would spoil every message; so short a value protects nothing. */
const SHORTEST = 4;

/** The values that variables brought into `tree`. */
export function secretsIn(tree: Tree, env: Env): readonly string[] {
  return [...scalarsOf(tree)].flatMap(([path, scalar]) => {
    if (isPublic(path.join("."))) return [];
    return scalar.variables.map((name) => env[name] ?? "");
  });
}

function isPublic(path: string): boolean {
  return PUBLIC.some((known) => path === known || path.startsWith(`${known}.`));
}

/** Each once, without what would hide nothing. */
export function worthHiding(values: readonly string[]): readonly string[] {
  const trimmed = values.map((value) => value.trim());
  return [...new Set(trimmed)].filter((value) => value.length >= SHORTEST && !WORDS.has(value.toLowerCase()));
}

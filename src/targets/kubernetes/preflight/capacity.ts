import type { Finding } from "../../../ports/target.ts";
import type { KubeObject, PodSpec } from "../api/objects.ts";
import { normalQuantity } from "../template/quantity.ts";

/*
 * Is there room for the candidate beside live? Pure: computed from what was read. A ResourceQuota and a LimitRange are
 * kept by the API server to the letter, so what they refuse is certain. Nodes are only looked at as a whole: taints,
 * affinity and an autoscaler that would add some are out of sight, so they only warn.
 */

/** Amounts by resource, `requests.cpu` or `pods`, in 10^-9 of their unit. */
export type Amounts = Readonly<Record<string, number>>;

export interface ResourceQuota extends KubeObject {
  readonly spec?: {
    readonly scopes?: readonly string[];
    readonly scopeSelector?: unknown;
  };
  readonly status?: {
    readonly hard?: Readonly<Record<string, string>>;
    readonly used?: Readonly<Record<string, string>>;
  };
}

export interface LimitRange extends KubeObject {
  readonly spec?: { readonly limits?: readonly Limit[] };
}

interface Limit {
  readonly type: string;
  readonly min?: Readonly<Record<string, string>>;
  readonly max?: Readonly<Record<string, string>>;
  readonly default?: Readonly<Record<string, string>>;
  readonly defaultRequest?: Readonly<Record<string, string>>;
}

/** An amount of the API in 10^-9 of its unit; what is none counts 0, for the API server to refuse. */
export function amount(text: unknown): number {
  const normal = normalQuantity(text);
  const value = typeof normal === "string" ? Number(normal) : NaN;
  return Number.isFinite(value) ? value : 0;
}

interface Resources {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

const NOTHING: Resources = { requests: {}, limits: {} };

/** What one pod asks for, as the scheduler and quotas count it, with the namespace's defaults filled in. */
export function podResources(spec: PodSpec, ranges: readonly LimitRange[]): Resources {
  const inits = (spec.initContainers ?? []).map((each) => ({
    sidecar: each["restartPolicy"] === "Always",
    needs: containerResources(each, ranges),
  }));
  const sidecars = inits.filter(({ sidecar }) => sidecar).map(({ needs }) => needs);
  const running = [...spec.containers.map((each) => containerResources(each, ranges)), ...sidecars].reduce(
    added,
    NOTHING,
  );
  // While one of the others runs, the sidecars that were started before it do too.
  const starting = inits.map(({ needs }, at) =>
    [
      needs,
      ...inits
        .slice(0, at)
        .filter(({ sidecar }) => sidecar)
        .map((before) => before.needs),
    ].reduce(added, NOTHING),
  );
  const most = starting.reduce(larger, running);
  const overhead = amounts(record(spec["overhead"]));
  return added(most, { requests: overhead, limits: overhead });
}

/** A container's own, then what its limits imply, then the defaults of the namespace. */
function containerResources(
  container: PodSpec["containers"][number],
  ranges: readonly LimitRange[],
): Resources {
  const own = record(container["resources"]);
  const defaults = limitsOf(ranges, "Container");
  const limits = {
    ...defaults.reduce<Amounts>((all, each) => ({ ...all, ...amounts(each.default) }), {}),
    ...amounts(record(own["limits"])),
  };
  const requests = {
    ...defaults.reduce<Amounts>((all, each) => ({ ...all, ...amounts(each.defaultRequest) }), {}),
    // A limit without a request is also the request.
    ...amounts(record(own["limits"])),
    ...amounts(record(own["requests"])),
  };
  return { requests, limits };
}

function limitsOf(ranges: readonly LimitRange[], type: string): readonly Limit[] {
  return ranges.flatMap(({ spec }) => spec?.limits ?? []).filter((limit) => limit.type === type);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function amounts(of: Readonly<Record<string, unknown>> | undefined): Amounts {
  return Object.fromEntries(Object.entries(of ?? {}).map(([name, value]) => [name, amount(value)]));
}

function added(a: Resources, b: Resources): Resources {
  return combined(a, b, (x, y) => x + y);
}

function larger(a: Resources, b: Resources): Resources {
  return combined(a, b, Math.max);
}

function combined(a: Resources, b: Resources, how: (x: number, y: number) => number): Resources {
  const both = (x: Amounts, y: Amounts) =>
    Object.fromEntries(
      [...new Set([...Object.keys(x), ...Object.keys(y)])].map((name) => [
        name,
        how(x[name] ?? 0, y[name] ?? 0),
      ]),
    );
  return { requests: both(a.requests, b.requests), limits: both(a.limits, b.limits) };
}

/** What a namespace will have more of: so many pods like this, and these further objects. */
export interface Addition {
  readonly pods: number;
  readonly each: Resources;
  /** Counts by the quota's name for them: `count/deployments.apps`, `services`. */
  readonly objects: Readonly<Record<string, number>>;
}

/** Quotas that the addition would break. */
export function quotaFindings(addition: Addition, quotas: readonly ResourceQuota[]): readonly Finding[] {
  return quotas.flatMap((quota): readonly Finding[] => {
    const { name } = quota.metadata;
    const broken = brokenBy(addition, quota);
    if (broken.length === 0) return [];
    const message = `ResourceQuota ${name} has no room for ${addition.pods} more ${addition.pods === 1 ? "pod" : "pods"}: ${broken.join("; ")}`;
    // Which pods a scoped quota counts depends on more than their resources.
    if ((quota.spec?.scopes?.length ?? 0) > 0 || quota.spec?.scopeSelector !== undefined) {
      const unsure = `${message}, if its scopes are about these pods`;
      return [{ is: "unproven", cause: { code: "TEAL-K606", message: unsure } }];
    }
    const next = `raise the quota, or make room: kubectl describe resourcequota ${name}`;
    return [{ is: "blocks", cause: { code: "TEAL-K606", message }, next }];
  });
}

function brokenBy(addition: Addition, { status = {} }: ResourceQuota): readonly string[] {
  const { hard = {}, used = {} } = status;
  return Object.entries(hard).flatMap(([name, most]) => {
    const more = moreOf(name, addition);
    if (more === "unsaid")
      return [`it counts ${name}, so every container has to say it, and the template's do not`];
    if (more === 0) return [];
    const free = amount(most) - amount(used[name]);
    return more <= free
      ? []
      : [`${name} ${inWords(name, more)} needed, ${inWords(name, Math.max(0, free))} of ${most} free`];
  });
}

/** `unsaid`: a quota on a resource refuses pods that do not say how much of it they want. */
function moreOf(name: string, { pods, each, objects }: Addition): number | "unsaid" {
  if (name === "pods" || name === "count/pods") return pods * UNIT;
  const counted = objects[name] ?? objects[name.replace(/^count\//u, "")];
  if (counted !== undefined) return counted * UNIT;
  const [, kind = "requests", resource = name] = /^(requests|limits)\.(.+)$/u.exec(name) ?? [];
  const own = (kind === "limits" ? each.limits : each.requests)[resource];
  if (own !== undefined) return own * pods;
  return (resource === "cpu" || resource === "memory") && pods > 0 ? "unsaid" : 0;
}

const UNIT = 1e9;

function inWords(name: string, nanos: number): string {
  if (/memory|storage/u.test(name)) return `${Math.ceil(nanos / UNIT / 1024 / 1024)}Mi`;
  return /cpu/u.test(name) ? `${Math.ceil(nanos / 1e6)}m` : String(Math.ceil(nanos / UNIT));
}

/** Limits of the namespace that would refuse such a pod. */
export function rangeFindings(spec: PodSpec, ranges: readonly LimitRange[]): readonly Finding[] {
  const broken = [
    ...spec.containers.flatMap((container) =>
      limitsOf(ranges, "Container").flatMap((limit) =>
        outside(limit, containerResources(container, ranges)).map(
          (what) => `container ${container.name}: ${what}`,
        ),
      ),
    ),
    ...limitsOf(ranges, "Pod").flatMap((limit) =>
      outside(limit, podResources(spec, ranges)).map((what) => `the pod: ${what}`),
    ),
  ];
  if (broken.length === 0) return [];
  const names = ranges.map(({ metadata }) => metadata.name).join(", ");
  const message = `LimitRange ${names} refuses the candidate's pods: ${broken.join("; ")}`;
  const next = "change the template's resources, or the LimitRange";
  return [{ is: "blocks", cause: { code: "TEAL-K607", message }, next }];
}

function outside({ min, max }: Limit, { requests, limits }: Resources): readonly string[] {
  const low = Object.entries(min ?? {}).flatMap(([name, least]) => {
    const asked = requests[name];
    return asked !== undefined && asked < amount(least)
      ? [`${name} ${inWords(name, asked)} is less than ${least}`]
      : [];
  });
  const high = Object.entries(max ?? {}).flatMap(([name, most]) => {
    const allowed = limits[name];
    return allowed !== undefined && allowed > amount(most)
      ? [`${name} ${inWords(name, allowed)} is more than ${most}`]
      : [];
  });
  return [...low, ...high];
}

/** A node with what is left on it. */
export interface Room {
  readonly cpu: number;
  readonly memory: number;
  readonly pods: number;
}

export interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** What the pods on each usable node leave free. */
export function roomOf(
  nodes: readonly Node[],
  placed: readonly { readonly spec: PodSpec }[],
): readonly Room[] {
  return nodes
    .filter(({ spec, status }) => {
      const ready = status?.conditions?.find(({ type }) => type === "Ready");
      return spec?.unschedulable !== true && ready?.status !== "False" && ready?.status !== "Unknown";
    })
    .map(({ metadata, status }) => {
      const here = placed.filter(({ spec }) => spec.nodeName === metadata.name);
      const used = here.map(({ spec }) => podResources(spec, [])).reduce(added, NOTHING).requests;
      const all = amounts(status?.allocatable);
      return {
        cpu: (all["cpu"] ?? 0) - (used["cpu"] ?? 0),
        memory: (all["memory"] ?? 0) - (used["memory"] ?? 0),
        pods: (all["pods"] ?? 0) / UNIT - here.length,
      };
    });
}

/** Whether so many such pods fit into the nodes as they are, one after the other where there is most room. */
export function nodeFindings(addition: Addition, rooms: readonly Room[]): readonly Finding[] {
  const { cpu = 0, memory = 0 } = addition.each.requests;
  const placeable = rooms.reduce((sum, room) => {
    const byCpu = cpu === 0 ? Infinity : Math.floor(room.cpu / cpu);
    const byMemory = memory === 0 ? Infinity : Math.floor(room.memory / memory);
    return sum + Math.max(0, Math.min(byCpu, byMemory, Math.floor(room.pods)));
  }, 0);
  if (placeable >= addition.pods) return [];
  const each = `${inWords("cpu", cpu)} cpu and ${inWords("memory", memory)} each`;
  const message = `the nodes as they are have room for ${placeable} of ${addition.pods} more pods (${each}); taints and affinity were not looked at, nor nodes that an autoscaler would add`;
  return [
    {
      is: "warns",
      cause: { code: "TEAL-K608", message },
      next: "see that nodes are added, or deploy with fewer replicas at a time: --strategy rolling",
    },
  ];
}

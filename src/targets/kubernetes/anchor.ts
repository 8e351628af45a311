import { fence, millis, type Cause, type Fence, type Millis } from "../../core/units.ts";
import { notWritten } from "./api/answers.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { KubeObject, Lease } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { ANNOTATIONS, LABELS, leaseName } from "./names.ts";

/**
 * Where the fence of a service is anchored: the annotation `teal.dev/epoch` of its Lease. Whoever takes over raises it
 * here first and then on everything that the fence protects; whoever made something new reads it afterwards. So of an
 * object made by a writer that was shut out meanwhile, either the one who took over knows, or its maker learns of it.
 */

export type Epoch =
  | { readonly is: "seen"; readonly epoch: Fence }
  | { readonly is: "unreadable"; readonly cause: Cause };

export type Raised =
  | { readonly is: "raised" | "already" }
  /** Somebody has claimed a higher one. */
  | { readonly is: "fenced"; readonly by: Fence }
  | { readonly is: "rejected"; readonly cause: Cause; readonly retryAfter?: Millis }
  | { readonly is: "unknown"; readonly cause: Cause };

/** The Lease is also written by its holder's heartbeat; of so many races in a row none is lost by chance. */
const ATTEMPTS = 8;
/** When a claim that could not be decided may be tried again (ms). */
const SOON = millis(500);

/** The highest fence that claimed the service, asked of the API server itself; 0 before the first claim. */
export async function readEpoch(api: Api, service: string, call: CallBy): Promise<Epoch> {
  const seen = await api.get<Lease>(paths.leases(api.namespace, leaseName(service)), call);
  if (seen.is === "ok") return { is: "seen", epoch: epochOf(seen.value) };
  if (seen.is === "absent") return { is: "seen", epoch: fence(0) };
  return { is: "unreadable", cause: seen.cause };
}

/** Registers a fence. Never lowers it; what else stands in the Lease stays as it is. */
export async function raiseEpoch(api: Api, service: string, to: Fence, call: CallBy): Promise<Raised> {
  const path = paths.leases(api.namespace, leaseName(service));
  for (let attempt = 1; ; attempt++) {
    const seen = await api.get<Lease>(path, call);
    // Nothing was written yet, whatever became of the question.
    if (seen.is === "unknown") return { is: "rejected", cause: seen.cause, retryAfter: SOON };
    if (seen.is !== "ok" && seen.is !== "absent") return notWritten(seen);
    const epoch = seen.is === "ok" ? epochOf(seen.value) : fence(0);
    if (epoch > to) return { is: "fenced", by: epoch };
    if (epoch === to && seen.is === "ok") return { is: "already" };
    const wrote =
      seen.is === "ok"
        ? await api.patch<Lease>(path, { by: "merge", body: raising(seen.value, to) }, call)
        : await api.create<Lease>(paths.leases(api.namespace), freshLease(api, service, to), call);
    if (wrote.is === "ok") return { is: "raised" };
    // Written or made by somebody else between our look and our write: look again.
    const raced = wrote.is === "absent" || (wrote.is === "refused" && wrote.status === 409);
    if (raced && attempt < ATTEMPTS) continue;
    return raced ? { is: "rejected", cause: wrote.cause, retryAfter: SOON } : notWritten(wrote);
  }
}

/** The epoch an object carries; 0 where it was never claimed. */
export function epochOf(object: KubeObject): Fence {
  const text = object.metadata.annotations?.[ANNOTATIONS.epoch];
  const value = Number(text ?? 0);
  // Not ours, or damaged by hand: no number is as high as what was lost, so nobody is shut out by it.
  return fence(Number.isSafeInteger(value) && value > 0 ? value : 0);
}

/** Applied only to the very state of the Lease that was read. */
function raising(seen: Lease, to: Fence): object {
  return {
    metadata: {
      resourceVersion: seen.metadata.resourceVersion,
      annotations: { [ANNOTATIONS.epoch]: String(to) },
    },
  };
}

function freshLease(api: Api, service: string, to: Fence): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: leaseName(service),
      namespace: api.namespace,
      labels: { [LABELS.service]: service },
      annotations: { [ANNOTATIONS.epoch]: String(to) },
    },
    spec: {},
  };
}

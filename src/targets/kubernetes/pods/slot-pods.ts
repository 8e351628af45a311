import type { Cause, Instant, Slot } from "../../../core/units.ts";
import type { Api, Mirror } from "../api/api.ts";
import type { Labels, Pod } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { LABELS, poolLabels } from "../names.ts";
import { reaches, textOf, type BothSlots } from "../service-router/selectors.ts";

export type PodsRead =
  | { readonly is: "seen"; readonly pods: Readonly<Record<Slot, readonly Pod[]>>; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

type Look = Parameters<Mirror<Pod>["read"]>[0];

/** The pods a Service reaches by each slot's selector, ready or not, terminating ones included. */
export async function readSlotPods(
  api: Api,
  service: string,
  slots: BothSlots,
  call: Look,
): Promise<PodsRead> {
  const [blue, green] = await Promise.all([
    readPods(api, service, slots.blue.selector, call),
    readPods(api, service, slots.green.selector, call),
  ]);
  if (blue.is === "unreadable") return blue;
  if (green.is === "unreadable") return green;
  const at = blue.at < green.at ? blue.at : green.at;
  return { is: "seen", pods: { blue: blue.items, green: green.items }, at };
}

/** Slots made by Teal are in one selection, hence one watch; an adopted one needs its own. */
async function readPods(api: Api, service: string, selector: Labels, call: Look) {
  const labels = textOf(selector[LABELS.service] === service ? poolLabels(service) : selector);
  const read = await api.mirror<Pod>(paths.pods(api.namespace), { labels }).read(call);
  if (read.is === "unreadable") return read;
  return { ...read, items: read.items.filter((pod) => reaches(selector, pod.metadata.labels ?? {})) };
}

import { ENGINE_VERSION, direction, fold, type Deployment } from "../core/deployment.ts";
import type { Happening } from "../core/journal.ts";
import type { Plan } from "../core/plan.ts";
import { millis, type Cause, type DeploymentId } from "../core/units.ts";
import type { Key, StateStore } from "../ports/store.ts";
import { Log } from "./log.ts";
import type { EnginePorts } from "./ports.ts";
import { Run, type Ran, type RunOptions } from "./run.ts";

/** How far an advance got, with the deployment as its journal tells it. */
export type Advanced =
  | (Ran & { readonly deployment: Deployment; readonly number: number })
  | { readonly is: "none" }
  | { readonly is: "unavailable"; readonly cause: Cause }
  /** Written by an engine whose plans this one does not understand; only `abort` is possible. */
  | { readonly is: "foreign"; readonly engine: number };

/** Opens a deployment: from here on it excludes others until it is closed. Nothing of the target is touched. */
export function openDeployment(
  store: StateStore,
  key: Key,
  id: DeploymentId,
  plan: Plan,
): ReturnType<StateStore["open"]> {
  return store.open(key, id, { kind: "opened", id, plan, engine: ENGINE_VERSION });
}

/**
 * Advances the open deployment of a service: a new one, one that waits, or one whose process is gone. It goes by the
 * journal and by what it observes, never by what this process remembers.
 */
export async function advance(
  ports: EnginePorts,
  key: Key,
  options: Partial<RunOptions> = {},
): Promise<Advanced> {
  const loaded = await Log.load(ports, key);
  if (loaded.is !== "open") return loaded;
  const { log } = loaded;
  const { engine } = log.deployment;
  const goesBack = direction(log.deployment) === "back";
  if ((engine > ENGINE_VERSION || engine < ENGINE_VERSION - 1) && !goesBack) return { is: "foreign", engine };
  const run = new Run(ports, key, log, {
    stay: options.stay ?? false,
    leave: options.leave ?? false,
    waitLock: options.waitLock ?? millis(0),
    signal: options.signal ?? new AbortController().signal,
  });
  const ran = await run.go();
  return { ...ran, deployment: log.deployment, number: log.number };
}

type Ask = Extract<Happening, { kind: "asked" }>;

/**
 * Puts a question or an answer of a person into the journal of the open deployment. Acknowledged means durable:
 * whoever advances the deployment, now or later, will see it.
 * @param meant holds for the deployment the person looked at. When it no longer does, nothing is asked: an approval
 * of one gate must not open the next.
 */
export async function ask(
  store: StateStore,
  key: Key,
  what: Omit<Ask, "kind">,
  meant: (deployment: Deployment) => boolean = () => true,
): Promise<
  | { readonly is: "asked"; readonly id: DeploymentId }
  | { readonly is: "changed" }
  | { readonly is: "none" }
  | { readonly is: "unavailable"; readonly cause: Cause }
> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const current = await store.current(key);
    if (current.is !== "open") return current;
    const { id, events } = current.journal;
    if (!meant(fold(events))) return { is: "changed" };
    const seq = events.at(-1)?.seq ?? 0;
    const answer = await store.append(key, id, seq, [{ kind: "asked", ...what }], "ask");
    if (answer.is === "appended") return { is: "asked", id };
    if (answer.is === "closed") return { is: "none" };
    if (answer.is === "unavailable" || answer.is === "rejected")
      return { is: "unavailable", cause: answer.cause };
  }
  return {
    is: "unavailable",
    cause: { code: "TEAL-D131", message: "the journal was too busy to take the question" },
  };
}

import type { JournalEvent } from "../../core/journal.ts";
import type { Weights } from "../../core/routing.ts";
import type { Cause, IntentId } from "../../core/units.ts";
import type { Notifier } from "../../ports/notifier.ts";
import type { AwsApi } from "./api/api.ts";

/*
 * The weights as an SSM parameter, for Terraform that cannot be told to ignore them: a module's user cannot add a
 * `lifecycle` to the module's resources, but can pass it weights that it reads. Best effort: what serves is what the rule
 * says; a parameter that lags behind is told, and put right when the deployment ends.
 */

/** A notifier that also waits for what it began, when its process is about to end. */
export interface WeightsPublisher extends Notifier {
  settled(): Promise<void>;
}

/** Longest time (ms) one write may take; no deployment waits for it. */
const AT_MOST = 10_000;

/**
 * @param parameter its name.
 * @param others told too, first.
 * @param report told when the parameter could not be written.
 */
export function publishWeights(
  api: AwsApi,
  parameter: string,
  report: (cause: Cause) => void,
  others?: Notifier,
): WeightsPublisher {
  const shifts = new Map<IntentId, Weights>();
  let writing: Promise<void> = Promise.resolve();
  let published: string | undefined;
  // One after the other: the last one told is the one that stays.
  const publish = (weights: Weights) => {
    const value = parameterOf(weights);
    if (value === undefined) return;
    writing = writing.then(async () => {
      if (value === published) return;
      const answer = await api.parameters.put(parameter, value, {
        signal: AbortSignal.timeout(AT_MOST),
        purse: "write",
      });
      if (answer.is === "ok") published = value;
      else report(unpublished(parameter, value, answer.cause));
    });
  };
  return {
    tell(event: JournalEvent) {
      others?.tell(event);
      if (event.kind === "intent" && event.call.call === "shift") shifts.set(event.intent, event.call.to);
      if (event.kind === "outcome" && (event.result === "applied" || event.result === "unchanged")) {
        const to = shifts.get(event.intent);
        if (to !== undefined) publish(to);
      }
      // Also what another process shifted before it was gone.
      if (event.kind === "closed" && event.serves.weights !== undefined) publish(event.serves.weights);
    },
    settled: () => writing,
  };
}

/** `{"blue":0,"green":100}`; a pool has no weights. */
export function parameterOf(weights: Weights): string | undefined {
  return weights === "pool" ? undefined : JSON.stringify({ blue: weights.blue, green: weights.green });
}

function unpublished(parameter: string, value: string, cause: Cause): Cause {
  return {
    code: "TEAL-A510",
    message: `the weights ${value} were not published to the SSM parameter ${parameter}: ${cause.message}; a terraform apply now would undo them`,
  };
}

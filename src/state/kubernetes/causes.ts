import type { Cause } from "../../core/units.ts";
import type { Key } from "../../ports/store.ts";
import { journalName } from "../../targets/kubernetes/names.ts";

/** A service in a namespace is one real thing, so it has one journal, under one environment's name. */
export function elsewhere(place: string, key: Key, found: string): Cause {
  const name = journalName(key.service);
  return {
    code: "TEAL-K401",
    message:
      `${place}: the service ${key.service} is deployed there as environment "${found}", not "${key.environment}". ` +
      `Two environments need two namespaces. If it was only renamed, run: ` +
      `kubectl patch configmap ${name} --type merge -p '${JSON.stringify({ data: { environment: key.environment } })}'`,
  };
}

export function writtenByLater(place: string, name: string, found: number, known: number): Cause {
  return {
    code: "TEAL-K402",
    message:
      `${place}: the journal ${name} was written by a later Teal (format ${found}, this one knows up to ${known}). ` +
      "Run that version, or a later one.",
  };
}

export function damaged(place: string, name: string, what: string): Cause {
  return {
    code: "TEAL-K403",
    message:
      `${place}: the object ${name} is damaged: ${what}. Traffic is not touched. Restore it, or delete it ` +
      "(the history starts anew), then run: teal status",
  };
}

export function pageMissing(place: string, name: string): Cause {
  return {
    code: "TEAL-K404",
    message:
      `${place}: a part of the journal is missing from the ConfigMap ${name}: somebody removed it. ` +
      "Traffic is not touched. Restore it and run: teal resume",
  };
}

export function tooBusy(place: string, name: string): Cause {
  return {
    code: "TEAL-K405",
    message: `${place}: others keep changing ${name}, so that nothing could be written in time. Run the command again.`,
  };
}

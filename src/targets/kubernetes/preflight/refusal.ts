import type { Cause } from "../../../core/units.ts";
import type { Prepared } from "../../../ports/target.ts";
import type { Api, CallBy } from "../api/api.ts";
import { missingNamespace } from "./namespace.ts";
import { missingRights, rightsFor } from "./rights.ts";
import type { ConfiguredSettings } from "../settings.ts";

/*
 * Why a deployment cannot be prepared, in the words of whoever has to do something about it: the first thing that the
 * API server refused is rarely the only one.
 */

export interface Failed {
  readonly cause: Cause;
  readonly next?: string;
}

export async function refusal(
  api: Api,
  settings: ConfiguredSettings,
  { cause, next = "run the command again; teal status shows what can be read" }: Failed,
  call: CallBy,
): Promise<Prepared> {
  const asIs: Prepared = { is: "refused", cause, next };
  switch (cause.code) {
    case "TEAL-K112": {
      const nowhere = await missingNamespace(api, call);
      return nowhere === undefined ? asIs : { is: "refused", ...nowhere };
    }
    case "TEAL-K111": {
      const findings = await missingRights(api, rightsFor(settings, { keda: false }), call);
      const evidence = findings.filter(({ is }) => is === "blocks").map((each) => each.cause.message);
      const granted = `have a Role with these rights bound to you in ${api.namespace}, then run the command again`;
      return evidence.length === 0 ? asIs : { is: "refused", cause: { ...cause, evidence }, next: granted };
    }
    default:
      return asIs;
  }
}

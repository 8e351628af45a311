import { millis } from "../../core/units.ts";
import type { Answer } from "../../targets/kubernetes/api/api.ts";
import { Fault } from "../remote/tries.ts";

/** The fault behind an answer that is none of those the caller expected. */
export function faultOf(answer: Exclude<Answer<unknown>, { readonly is: "ok" }>): Fault {
  switch (answer.is) {
    case "absent":
      return new Fault(answer.cause, "never");
    case "refused": {
      const passing = answer.status === 429 || answer.status >= 500;
      return new Fault(answer.cause, passing ? (answer.retryAfter ?? millis(0)) : "never");
    }
    case "unsent":
    case "unknown":
      return new Fault(answer.cause, millis(0));
    default:
      return answer satisfies never;
  }
}

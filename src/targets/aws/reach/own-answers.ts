import type { Exchange } from "../../../ports/exchange.ts";

/*
 * Whose answer it is that came from a load balancer. It passes on what an instance answers, whatever its status, and
 * answers for itself with `Server: awselb/2.0` (unless routing.http.response.server.enabled is off) and a short page
 * `<html> <head><title>503 Service Temporarily Unavailable</title></head>`. What its statuses mean: ALB guide,
 * "Troubleshoot your Application Load Balancers".
 */

type Answer = Extract<Exchange, { readonly is: "answer" }>;

export function isOwnAnswer({ headers, body, status }: Answer): boolean {
  if (status < 400) return false;
  const server = headers["server"];
  if (server !== undefined) return server.startsWith("awselb/");
  return new RegExp(`^\\s*<html>\\s*<head><title>${status} [^<]*</title></head>`, "u").test(body);
}

/** What an exchange through a load balancer says about the instances behind it. */
export function answerOfInstance(got: Exchange): Exchange {
  if (got.is === "broken") {
    return { is: "unknown", why: `no whole answer came from the load balancer (${got.why})` };
  }
  if (got.is !== "answer" || !isOwnAnswer(got)) return got;
  switch (got.status) {
    case 502:
      return { is: "broken", why: "the load balancer got no valid answer from the instance (502)" };
    case 504:
      return { is: "broken", why: "the instance let the load balancer wait too long (504)" };
    case 503:
      return {
        is: "unknown",
        why: "the target group has no target that can be asked (503 of the load balancer)",
      };
    default:
      return { is: "unknown", why: `the load balancer answered ${got.status} for itself` };
  }
}

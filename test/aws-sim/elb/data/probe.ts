import http from "node:http";
import https from "node:https";
import type { HealthCheck } from "../model.ts";

export type Probed =
  | { readonly is: "passed" }
  | {
      readonly is: "failed";
      readonly reason: "Target.Timeout" | "Target.ResponseCodeMismatch" | "Target.FailedHealthChecks";
      readonly description: string;
    };

/**
 * One health check of one target. Guide, "Health checks": sent to the target's address with the agent's name of the load
 * balancer; redirects are not followed, the connection is closed afterwards, certificates are not looked at.
 * `timeout`: ms of the machine.
 */
export function probe(
  check: HealthCheck,
  at: { readonly host: string; readonly port: number },
  from: string | undefined,
  timeout: number,
): Promise<Probed> {
  const port = check.port === "traffic-port" ? at.port : Number(check.port);
  const { request } = check.protocol === "HTTPS" ? https : http;
  return new Promise((resolve) => {
    const asked = request({
      host: at.host,
      port,
      path: check.path,
      agent: false,
      rejectUnauthorized: false,
      ...(from !== undefined && { localAddress: from }),
      headers: { host: `${at.host}:${port}`, "user-agent": "ELB-HealthChecker/2.0", connection: "close" },
    });
    const timer = setTimeout(() => end(TIMED_OUT), timeout);
    const end = (probed: Probed) => {
      clearTimeout(timer);
      resolve(probed);
      asked.destroy();
    };
    asked.on("response", (response) => end(judge(check.matcher, response.statusCode ?? 0)));
    asked.on("error", () => end(BROKEN));
    asked.end();
  });
}

const TIMED_OUT: Probed = { is: "failed", reason: "Target.Timeout", description: "Request timed out" };
const BROKEN: Probed = {
  is: "failed",
  reason: "Target.FailedHealthChecks",
  description: "Health checks failed",
};

function judge(matcher: string, status: number): Probed {
  if (codes(matcher).some(([from, to]) => status >= from && status <= to)) return { is: "passed" };
  return {
    is: "failed",
    reason: "Target.ResponseCodeMismatch",
    description: `Health checks failed with these codes: [${status}]`,
  };
}

/** API reference, Matcher: single codes, lists ("200,202") and ranges ("200-299"). */
function codes(matcher: string): (readonly [number, number])[] {
  return matcher.split(",").map((part) => {
    const [from = "", to = from] = part.split("-");
    return [Number(from), Number(to)];
  });
}

import { AwsError, type Input } from "../kernel.ts";
import { invalid, need, records, text } from "./input.ts";
import type { Attributes } from "./model.ts";

/* Attributes by name. API reference: LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute. */

interface Kind {
  readonly standard: string;
  readonly fits: (value: string) => boolean;
}

const oneOf = (standard: string, ...values: readonly string[]): Kind => ({
  standard,
  fits: (value) => [standard, ...values].includes(value),
});
const yesOrNo = (standard: "true" | "false"): Kind => oneOf(standard, "true", "false");
const between = (standard: number, least: number, most: number, ...also: readonly string[]): Kind => ({
  standard: `${standard}`,
  fits: (value) =>
    also.includes(value) || (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most),
});
const anyText = (standard = ""): Kind => ({ standard, fits: () => true });

export const LOAD_BALANCER = {
  "access_logs.s3.enabled": yesOrNo("false"),
  "access_logs.s3.bucket": anyText(),
  "access_logs.s3.prefix": anyText(),
  "client_keep_alive.seconds": between(3600, 60, 604_800),
  "connection_logs.s3.enabled": yesOrNo("false"),
  "connection_logs.s3.bucket": anyText(),
  "connection_logs.s3.prefix": anyText(),
  "deletion_protection.enabled": yesOrNo("false"),
  "idle_timeout.timeout_seconds": between(60, 1, 4000),
  "load_balancing.cross_zone.enabled": oneOf("true"),
  "routing.http.desync_mitigation_mode": oneOf("defensive", "monitor", "strictest"),
  "routing.http.drop_invalid_header_fields.enabled": yesOrNo("false"),
  "routing.http.preserve_host_header.enabled": yesOrNo("false"),
  "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": yesOrNo("false"),
  "routing.http.xff_client_port.enabled": yesOrNo("false"),
  "routing.http.xff_header_processing.mode": oneOf("append", "preserve", "remove"),
  "routing.http2.enabled": yesOrNo("true"),
  "waf.fail_open.enabled": yesOrNo("false"),
  "zonal_shift.config.enabled": yesOrNo("false"),
} satisfies Record<string, Kind>;

export const TARGET_GROUP = {
  "deregistration_delay.timeout_seconds": between(300, 0, 3600),
  "load_balancing.algorithm.anomaly_mitigation": oneOf("off", "on"),
  "load_balancing.algorithm.type": oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  "load_balancing.cross_zone.enabled": oneOf("use_load_balancer_configuration", "true", "false"),
  "slow_start.duration_seconds": between(0, 30, 900, "0"),
  "stickiness.app_cookie.cookie_name": anyText(),
  "stickiness.app_cookie.duration_seconds": between(86_400, 1, 604_800),
  "stickiness.enabled": yesOrNo("false"),
  "stickiness.lb_cookie.duration_seconds": between(86_400, 1, 604_800),
  "stickiness.type": oneOf("lb_cookie", "app_cookie"),
  "target_group_health.dns_failover.minimum_healthy_targets.count": between(1, 1, 1000, "off"),
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": between(0, 1, 100, "off"),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": between(1, 1, 1000),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": between(0, 1, 100, "off"),
} satisfies Record<string, Kind>;

export const LISTENER = {
  "routing.http.response.server.enabled": yesOrNo("true"),
  "routing.http.response.strict_transport_security.header_value": anyText(),
} satisfies Record<string, Kind>;

export function standards(kinds: Readonly<Record<string, Kind>>): Attributes {
  return new Map(
    Object.entries(kinds).map(([key, { standard }]) => [key, key.endsWith("percentage") ? "off" : standard]),
  );
}

/** The attributes with the request's changes. Assumed code for what is not an attribute: ValidationError. */
export function changed(kinds: Readonly<Record<string, Kind>>, before: Attributes, input: Input): Attributes {
  const after = new Map(before);
  for (const attribute of records(input, "Attributes")) {
    const key = need(attribute, "Key");
    const value = text(attribute, "Value") ?? "";
    const kind = kinds[key];
    if (kind === undefined) throw invalid(`Attribute key '${key}' is not recognized`);
    if (!kind.fits(value)) throw invalid(`Attribute value '${value}' of '${key}' is not valid`);
    after.set(key, value);
  }
  return after;
}

/** Guide, "Slow start mode" and "Routing algorithms": slow start goes with round robin only. */
export function checkTargetGroup(attributes: Attributes): void {
  const slow = attributes.get("slow_start.duration_seconds") !== "0";
  if (slow && attributes.get("load_balancing.algorithm.type") !== "round_robin") {
    throw new AwsError(
      "InvalidConfigurationRequest",
      "Slow start mode is supported with the load balancing algorithm round_robin only",
    );
  }
}

export const shown = (attributes: Attributes) => [...attributes].map(([Key, Value]) => ({ Key, Value }));

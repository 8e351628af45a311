import type { RuleCondition } from "@aws-sdk/client-elastic-load-balancing-v2";
import { otherSlot, SLOTS, type Slot } from "../../../core/units.ts";
import { block, code, comment, identifier, render, set, type Entry, type Value } from "./hcl.ts";
import type { Pair, Surroundings } from "./look-first.ts";

/*
 * teal.tf: both pairs and the rule as Terraform, the missing pair to be made, what is there to be imported. Every resource
 * carries the `lifecycle` without which the next `terraform apply` would undo a deployment: it would send users back to
 * the slot in the file, shrink what serves, or start instances of an earlier template version.
 */

export interface Wanted {
  readonly service: string;
  /** SSM parameter of the weights, for modules whose resources cannot be given a `lifecycle`. */
  readonly publish?: string;
}

/** The second pair's names, where it is not there yet. */
export function secondName(first: string, slot: Slot): string {
  const other = otherSlot(slot);
  if (first.includes(other)) return first.replace(other, slot);
  // Names of target groups have 32 characters at most.
  return `${first.slice(0, 31 - slot.length).replace(/-+$/u, "")}-${slot}`;
}

/** Names of the groups and target groups as they are, or will be. */
export function namesOf({
  pairs: [first, second],
  firstIs,
}: Surroundings): Readonly<
  Record<
    Slot,
    { readonly group: string; readonly targetGroup: string; readonly pair: Pair; readonly isThere: boolean }
  >
> {
  const group = first.group.AutoScalingGroupName ?? "";
  const targetGroup = first.targetGroup.TargetGroupName ?? "";
  const own = { group, targetGroup, pair: first, isThere: true };
  const slot = otherSlot(firstIs);
  const other =
    second === undefined
      ? {
          group: secondName(group, slot),
          targetGroup: secondName(targetGroup, slot),
          pair: first,
          isThere: false,
        }
      : {
          group: second.group.AutoScalingGroupName ?? "",
          targetGroup: second.targetGroup.TargetGroupName ?? "",
          pair: second,
          isThere: true,
        };
  return firstIs === "blue" ? { blue: own, green: other } : { blue: other, green: own };
}

export function terraform(surroundings: Surroundings, wanted: Wanted): string {
  const names = namesOf(surroundings);
  const entries = [
    comment(HEAD),
    ...(wanted.publish === undefined ? [] : publishing(wanted.service, wanted.publish, surroundings.firstIs)),
    ...SLOTS.flatMap((slot) => [
      ...targetGroup(slot, names[slot], wanted.service),
      ...scalingGroup(slot, names[slot], wanted.service),
    ]),
    ...rule(surroundings, wanted),
  ];
  return `${render(entries)}\n`;
}

const HEAD = `Written by teal init. Read it before it is applied: terraform plan must show nothing but what is to be made.
What carries an import block is there already. Where your Terraform has it in a resource of its own, put the
lifecycle (and the action's two target groups) there, and remove the resource and its import from this file.
`;

type Named = ReturnType<typeof namesOf>[Slot];

const ref = (type: string, service: string, slot: Slot, attribute: string) =>
  code(`${type}.${identifier(service)}_${slot}.${attribute}`);

function targetGroup(
  slot: Slot,
  { pair, targetGroup: name, isThere }: Named,
  service: string,
): readonly Entry[] {
  const { targetGroup: raw, attributes } = pair;
  const label = `${identifier(service)}_${slot}`;
  const number = (key: string) => Number(attributes.get(key) ?? 0);
  const health = block(
    "health_check",
    [],
    [
      set("path", raw.HealthCheckPath ?? "/"),
      set("port", raw.HealthCheckPort ?? "traffic-port"),
      set("protocol", raw.HealthCheckProtocol ?? "HTTP"),
      set("matcher", raw.Matcher?.HttpCode ?? "200"),
      set("interval", raw.HealthCheckIntervalSeconds ?? 30),
      set("timeout", raw.HealthCheckTimeoutSeconds ?? 5),
      set("healthy_threshold", raw.HealthyThresholdCount ?? 5),
      set("unhealthy_threshold", raw.UnhealthyThresholdCount ?? 2),
    ],
  );
  const sticky =
    attributes.get("stickiness.enabled") === "true" && attributes.get("stickiness.type") === "lb_cookie"
      ? [
          block(
            "stickiness",
            [],
            [
              set("type", "lb_cookie"),
              set("cookie_duration", number("stickiness.lb_cookie.duration_seconds")),
            ],
          ),
        ]
      : [];
  return [
    block(
      "resource",
      ["aws_lb_target_group", label],
      [
        set("name", name),
        set("port", raw.Port ?? 80),
        set("protocol", raw.Protocol ?? "HTTP"),
        ...(raw.ProtocolVersion === undefined ? [] : [set("protocol_version", raw.ProtocolVersion)]),
        set("vpc_id", raw.VpcId ?? ""),
        set("target_type", "instance"),
        ...(attributes.has(DELAY) ? [set("deregistration_delay", number(DELAY))] : []),
        ...(number("slow_start.duration_seconds") > 0
          ? [set("slow_start", number("slow_start.duration_seconds"))]
          : []),
        health,
        ...sticky,
        set("tags", { "teal.dev/service": service }),
        lifecycle([FENCE_TAG, FENCE_TAG.replace("tags", "tags_all")]),
      ],
    ),
    ...imported(isThere, `aws_lb_target_group.${label}`, raw.TargetGroupArn ?? ""),
  ];
}

const DELAY = "deregistration_delay.timeout_seconds";
const FENCE_TAG = 'tags["teal.dev/fence"]';

function scalingGroup(slot: Slot, { pair, group: name, isThere }: Named, service: string): readonly Entry[] {
  const { group, template } = pair;
  const label = `${identifier(service)}_${slot}`;
  const tag = (key: string, value: string): Entry =>
    block("tag", [], [set("key", key), set("value", value), set("propagate_at_launch", true)]);
  const subnets = (group.VPCZoneIdentifier ?? "").split(",").filter((id) => id !== "");
  return [
    block(
      "resource",
      ["aws_autoscaling_group", label],
      [
        set("name", name),
        // A slot without traffic has no instances; Teal starts as many as the live one has.
        set("min_size", isThere ? (group.MinSize ?? 0) : 0),
        set("max_size", group.MaxSize ?? 1),
        set("desired_capacity", isThere ? (group.DesiredCapacity ?? 0) : 0),
        set("vpc_zone_identifier", subnets),
        set("target_group_arns", [ref("aws_lb_target_group", service, slot, "arn")]),
        set("health_check_type", group.HealthCheckType ?? "ELB"),
        set("health_check_grace_period", group.HealthCheckGracePeriod ?? 300),
        set("wait_for_capacity_timeout", "0"),
        block("launch_template", [], [set("id", template.id), set("version", template.version)]),
        tag("teal.dev/service", service),
        tag("teal.dev/slot", slot),
        ...(group.Tags ?? [])
          .filter(({ Key = "" }) => !Key.startsWith("teal.dev/") && !Key.startsWith("aws:"))
          .map(({ Key = "", Value = "", PropagateAtLaunch: propagate }) =>
            block(
              "tag",
              [],
              [set("key", Key), set("value", Value), set("propagate_at_launch", propagate === true)],
            ),
          ),
        comment(
          "Teal sizes the group, points it to versions of its template, and notes in tags what it holds.",
        ),
        lifecycle([
          "min_size",
          "max_size",
          "desired_capacity",
          "launch_template[0].version",
          "suspended_processes",
          "tag",
        ]),
      ],
    ),
    ...imported(isThere, `aws_autoscaling_group.${label}`, name),
  ];
}

function rule(
  { rule: { rule: found, raw, actions }, stickiness, firstIs }: Surroundings,
  wanted: Wanted,
): readonly Entry[] {
  const { service } = wanted;
  const label = identifier(service);
  const others = actions.filter((each) => each.Type !== "forward").map((each) => each.Type ?? "");
  const kept = others.map((type) => comment(`Keep its ${type} action here, before the forward action.`));
  const weight = (slot: Slot): Value =>
    wanted.publish === undefined ? (slot === firstIs ? 100 : 0) : code(`local.${label}_weights.${slot}`);
  const forward = (name: "action" | "default_action") =>
    block(
      name,
      [],
      [
        set("type", "forward"),
        ...(others.length === 0 ? [] : [set("order", others.length + 1)]),
        block(
          "forward",
          [],
          [
            // Both stay in it at all times: a target group that no rule names is not health checked.
            ...SLOTS.map((slot) =>
              block(
                "target_group",
                [],
                [set("arn", ref("aws_lb_target_group", service, slot, "arn")), set("weight", weight(slot))],
              ),
            ),
            ...(stickiness === undefined
              ? []
              : [block("stickiness", [], [set("enabled", true), set("duration", stickiness.seconds)])]),
          ],
        ),
      ],
    );
  if (found.isDefault) {
    const { arn, port, protocol, loadBalancer } = found.listener;
    return [
      block(
        "resource",
        ["aws_lb_listener", label],
        [
          set("load_balancer_arn", loadBalancer.arn),
          set("port", port),
          set("protocol", protocol),
          ...(protocol === "HTTPS" ? [comment("Keep its certificate_arn and ssl_policy.")] : []),
          ...kept,
          forward("default_action"),
          ...switched("default_action", wanted),
        ],
      ),
      ...imported(true, `aws_lb_listener.${label}`, arn),
    ];
  }
  return [
    block(
      "resource",
      ["aws_lb_listener_rule", label],
      [
        set("listener_arn", found.listener.arn),
        set("priority", Number(raw.Priority ?? 1)),
        ...(raw.Conditions ?? []).map(condition),
        ...kept,
        forward("action"),
        ...switched("action", wanted),
      ],
    ),
    ...imported(true, `aws_lb_listener_rule.${label}`, found.arn),
  ];
}

/** Published weights are read by every plan, so that nothing need be ignored. */
function switched(action: string, { publish }: Wanted): readonly Entry[] {
  return publish === undefined
    ? [lifecycle([action])]
    : [comment("No lifecycle: the weights are read from the parameter to which Teal publishes them.")];
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html */
function condition(of: RuleCondition): Entry {
  const values = of.Values ?? [];
  const body = (): Entry => {
    const { Field: field = "" } = of;
    switch (field) {
      case "host-header":
        return block("host_header", [], [set("values", of.HostHeaderConfig?.Values ?? values)]);
      case "path-pattern":
        return block("path_pattern", [], [set("values", of.PathPatternConfig?.Values ?? values)]);
      case "http-header":
        return block(
          "http_header",
          [],
          [
            set("http_header_name", of.HttpHeaderConfig?.HttpHeaderName ?? ""),
            set("values", of.HttpHeaderConfig?.Values ?? []),
          ],
        );
      case "http-request-method":
        return block("http_request_method", [], [set("values", of.HttpRequestMethodConfig?.Values ?? [])]);
      case "source-ip":
        return block("source_ip", [], [set("values", of.SourceIpConfig?.Values ?? [])]);
      default:
        return comment(`Keep its condition on ${field}.`);
    }
  };
  if (of.Field !== "query-string") return block("condition", [], [body()]);
  const queries = of.QueryStringConfig?.Values ?? [];
  return block(
    "condition",
    [],
    queries.map(({ Key, Value = "" }) =>
      block("query_string", [], [...(Key === undefined ? [] : [set("key", Key)]), set("value", Value)]),
    ),
  );
}

function lifecycle(ignored: readonly string[]): Entry {
  return block("lifecycle", [], [set("ignore_changes", ignored.map(code))]);
}

function imported(isThere: boolean, to: string, id: string): readonly Entry[] {
  return isThere ? [block("import", [], [set("to", code(to)), set("id", id)])] : [];
}

/** The parameter, made once with what is live and then written by Teal alone, and the weights that Terraform reads. */
function publishing(service: string, parameter: string, live: Slot): readonly Entry[] {
  const label = `${identifier(service)}_weights`;
  return [
    block(
      "resource",
      ["aws_ssm_parameter", label],
      [
        set("name", parameter),
        set("type", "String"),
        set(
          "value",
          code(`jsonencode({ blue = ${live === "blue" ? 100 : 0}, green = ${live === "green" ? 100 : 0} })`),
        ),
        lifecycle(["value"]),
      ],
    ),
    comment("Read anew by every plan. Pass these to a module whose resources cannot be given a lifecycle."),
    block("data", ["aws_ssm_parameter", label], [set("name", code(`aws_ssm_parameter.${label}.name`))]),
    block(
      "locals",
      [],
      [set(label, code(`jsondecode(nonsensitive(data.aws_ssm_parameter.${label}.value))`))],
    ),
  ];
}

import type { Action, Listener, LoadBalancer, Rule } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { AwsApi, CallBy } from "./api/api.ts";
import type { FoundListener, FoundRule } from "./found.ts";
import { refuse, valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";

/* From `shop-alb:443` and a host to the rules that are switched. What is ambiguous is refused with what was found. */

/** A rule with what it does now. */
export interface RuleNow {
  readonly rule: FoundRule;
  readonly actions: readonly Action[];
}

/** The configured rules, in the order in which they are switched. */
export async function findRules(
  api: AwsApi,
  settings: AwsSettings,
  call: CallBy,
): Promise<readonly RuleNow[]> {
  const rules = settings.rules ?? [];
  const arns = [...new Set(rules.map(listenerOfRule))];
  const listeners =
    rules.length === 0
      ? await inTurn(settings.listeners, (written) => findListener(api, written, call))
      : await listenersBy(api, arns, call);
  const perListener = await inTurn(listeners, async (listener) => {
    const all = valueOf(await api.elb.rules({ listener: listener.arn }, call));
    const chosen = rules.length === 0 ? [matching(settings, listener, all)] : all;
    return chosen.map((rule) => describe(listener, rule));
  });
  const known = perListener.flat();
  if (rules.length === 0) return known;
  return rules.map((arn) => {
    const found = known.find(({ rule }) => rule.arn === arn);
    if (found !== undefined) return found;
    return refuse(
      "TEAL-A352",
      `there is no rule ${arn}`,
      `correct aws.rules in teal.yaml; its listener has ${words(known.map(({ rule }) => rule.arn))}`,
    );
  });
}

async function findListener(api: AwsApi, written: string, call: CallBy): Promise<FoundListener> {
  if (written.startsWith("arn:")) {
    const [listener] = await listenersBy(api, [written], call);
    return listener ?? refuse("TEAL-A350", `there is no listener ${written}`, CORRECT_LISTENER);
  }
  const [name = "", port = ""] = written.split(":");
  const [balancer] = await loadBalancers(api, { names: [name] }, name, call);
  const listeners = valueOf(await api.elb.listeners({ loadBalancer: balancer?.LoadBalancerArn ?? "" }, call));
  const listener = listeners.find((each) => String(each.Port) === port);
  if (listener !== undefined && balancer !== undefined) return listenerFrom(balancer, listener);
  const ports = listeners.map((each) => `${name}:${each.Port}`);
  return refuse(
    "TEAL-A350",
    `load balancer ${name} has no listener on port ${port}; it has ${words(ports)}`,
    ports.length === 1 ? `listener: ${ports[0]}` : CORRECT_LISTENER,
  );
}

const CORRECT_LISTENER = "correct aws.listener in teal.yaml";

async function listenersBy(
  api: AwsApi,
  arns: readonly string[],
  call: CallBy,
): Promise<readonly FoundListener[]> {
  const answer = await api.elb.listeners({ arns: [...arns] }, call);
  if (answer.is === "failed" && answer.code === "ListenerNotFound")
    return refuse("TEAL-A350", `there is no listener ${words(arns)} in ${api.region}`, CORRECT_LISTENER);
  const listeners = valueOf(answer);
  const of = [...new Set(listeners.map((each) => each.LoadBalancerArn ?? ""))];
  const balancers = await loadBalancers(api, { arns: of }, words(of), call);
  return arns.flatMap((arn) => {
    const listener = listeners.find((each) => each.ListenerArn === arn);
    const balancer = balancers.find((each) => each.LoadBalancerArn === listener?.LoadBalancerArn);
    return listener === undefined || balancer === undefined ? [] : [listenerFrom(balancer, listener)];
  });
}

async function loadBalancers(
  api: AwsApi,
  by: { names?: string[]; arns?: string[] },
  name: string,
  call: CallBy,
): Promise<readonly LoadBalancer[]> {
  const answer = await api.elb.loadBalancers(by, call);
  if (answer.is === "failed" && answer.code === "LoadBalancerNotFound") {
    const there = await api.elb.loadBalancers({}, call);
    const names = there.is === "ok" ? there.value.map((each) => each.LoadBalancerName ?? "") : [];
    const known = names.length === 0 ? "" : `; there are ${words(names)}`;
    return refuse(
      "TEAL-A350",
      `there is no load balancer ${name} in ${api.region}${known}`,
      `${CORRECT_LISTENER}, or the region: aws.region, --region or AWS_REGION`,
    );
  }
  return valueOf(answer);
}

function listenerFrom(balancer: LoadBalancer, listener: Listener): FoundListener {
  const name = balancer.LoadBalancerName ?? "";
  const { Protocol: protocol, Port: port = 0 } = listener;
  if (balancer.Type !== "application" || (protocol !== "HTTP" && protocol !== "HTTPS"))
    return refuse(
      "TEAL-A351",
      `${name}:${port} is a ${protocol} listener of a load balancer of type ${balancer.Type}`,
      "name a listener of an Application Load Balancer: only their rules have weights",
    );
  return {
    arn: listener.ListenerArn ?? "",
    port,
    protocol,
    loadBalancer: {
      arn: balancer.LoadBalancerArn ?? "",
      name,
      dnsName: balancer.DNSName ?? "",
      subnets: (balancer.AvailabilityZones ?? []).flatMap((zone) => zone.SubnetId ?? []),
      internal: balancer.Scheme === "internal",
    },
  };
}

/** The rule that the configuration means: the one with exactly these conditions, else the only one that has them. */
function matching(settings: AwsSettings, listener: FoundListener, rules: readonly Rule[]): Rule {
  const { host, path } = settings.match;
  const where = `${listener.loadBalancer.name}:${listener.port}`;
  if (host === undefined && path === undefined) {
    const standard = rules.find((rule) => rule.IsDefault === true);
    return standard ?? refuse("TEAL-A352", `${where} shows no default rule`, "teal status");
  }
  const own = rules.filter((rule) => rule.IsDefault !== true && !isForProbes(settings, rule));
  const having = own.filter(
    (rule) =>
      (host === undefined || hostsOf(rule).includes(host.toLowerCase())) &&
      (path === undefined || pathsOf(rule).includes(path)),
  );
  const conditions = Number(host !== undefined) + Number(path !== undefined);
  const exact = having.filter((rule) => rule.Conditions?.length === conditions);
  const [only, ...more] = exact.length > 0 ? exact : having;
  if (only !== undefined && more.length === 0) return only;
  const wanted = [host === undefined ? "" : `host ${host}`, path === undefined ? "" : `path ${path}`];
  const meant = wanted.filter((each) => each !== "").join(" and ");
  if (only === undefined)
    return refuse(
      "TEAL-A352",
      `${where} has no rule with ${meant}; it has ${words(rules.map(conditionsInWords))}`,
      "correct aws.host or aws.path in teal.yaml, or leave them out for the default rule",
    );
  const several = [only, ...more];
  return refuse(
    "TEAL-A353",
    `${where} has ${several.length} rules with ${meant}: ${words(several.map(conditionsInWords))}`,
    `name them in teal.yaml: rules: [${several.map((rule) => rule.RuleArn).join(", ")}], without listener, host and path`,
  );
}

/** The rule by which probes reach the idle slot is Teal's own. */
function isForProbes({ reach }: AwsSettings, rule: Rule): boolean {
  const header = reach.by === "headerRule" ? reach.header.toLowerCase() : undefined;
  return (rule.Conditions ?? []).some(
    (condition) =>
      condition.HttpHeaderConfig?.HttpHeaderName?.toLowerCase() === header && header !== undefined,
  );
}

function describe(listener: FoundListener, rule: Rule): RuleNow {
  const where = `${listener.loadBalancer.name}:${listener.port}`;
  const found = {
    arn: rule.RuleArn ?? "",
    isDefault: rule.IsDefault === true,
    listener,
    name: `${where} ${conditionsInWords(rule)}`,
    hosts: hostsOf(rule),
    paths: pathsOf(rule),
  };
  return { rule: found, actions: rule.Actions ?? [] };
}

/** Conditions come in either of two notations. */
function valuesOf(rule: Rule, field: "host-header" | "path-pattern"): readonly string[] {
  return (rule.Conditions ?? [])
    .filter((condition) => condition.Field === field)
    .flatMap((condition) => {
      const config = field === "host-header" ? condition.HostHeaderConfig : condition.PathPatternConfig;
      return config?.Values ?? condition.Values ?? [];
    });
}

/** Hosts are compared without regard to case; paths are not. */
function hostsOf(rule: Rule): readonly string[] {
  return valuesOf(rule, "host-header").map((host) => host.toLowerCase());
}

function pathsOf(rule: Rule): readonly string[] {
  return valuesOf(rule, "path-pattern");
}

/** `host shop.example path /api/*`, `default rule`, `priority 7 (http-header)`. */
function conditionsInWords(rule: Rule): string {
  if (rule.IsDefault === true) return "default rule";
  const others = (rule.Conditions ?? [])
    .map((condition) => condition.Field ?? "")
    .filter((field) => field !== "host-header" && field !== "path-pattern");
  const parts = [
    ...hostsOf(rule).map((host) => `host ${host}`),
    ...pathsOf(rule).map((path) => `path ${path}`),
    ...(others.length === 0 ? [] : [`(${others.join(", ")})`]),
  ];
  return parts.length === 0 ? `priority ${rule.Priority}` : parts.join(" ");
}

/** `…:listener-rule/app/shop/1/2/3` belongs to `…:listener/app/shop/1/2`. */
function listenerOfRule(arn: string): string {
  return arn.replace(":listener-rule/", ":listener/").replace(/\/[^/]+$/, "");
}

/** Target groups that the actions forward to, in either notation. */
export function targetGroupsOf(actions: readonly Action[]): readonly string[] {
  return actions
    .filter((action) => action.Type === "forward")
    .flatMap((action) => {
      const weighted = action.ForwardConfig?.TargetGroups?.map((each) => each.TargetGroupArn ?? "") ?? [];
      return weighted.length > 0 ? weighted : [action.TargetGroupArn ?? ""];
    })
    .filter((arn) => arn !== "");
}

/** One after the other: tokens are few. */
async function inTurn<T, U>(items: readonly T[], run: (item: T) => Promise<U>): Promise<readonly U[]> {
  const results: U[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

function words(list: readonly string[]): string {
  return list.length === 0 ? "none" : list.join(", ");
}

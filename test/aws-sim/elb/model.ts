/* What an account has of Elastic Load Balancing. Everything is immutable, so that a node can go on with what it was told. */

/** As in the API, with every default filled in. */
export interface Action {
  readonly Type: "forward" | "redirect" | "fixed-response" | "authenticate-oidc" | "authenticate-cognito";
  readonly Order?: number;
  readonly TargetGroupArn?: string;
  readonly ForwardConfig?: ForwardConfig;
  readonly RedirectConfig?: Redirect;
  readonly FixedResponseConfig?: FixedResponse;
  readonly AuthenticateOidcConfig?: Authentication;
  readonly AuthenticateCognitoConfig?: Authentication;
}

export interface ForwardConfig {
  readonly TargetGroups: readonly { readonly TargetGroupArn: string; readonly Weight: number }[];
  readonly TargetGroupStickinessConfig: { readonly Enabled: boolean; readonly DurationSeconds?: number };
}

export interface Redirect {
  readonly Protocol: string;
  readonly Port: string;
  readonly Host: string;
  readonly Path: string;
  readonly Query: string;
  readonly StatusCode: "HTTP_301" | "HTTP_302";
}

export interface FixedResponse {
  readonly StatusCode: string;
  readonly ContentType?: string;
  readonly MessageBody?: string;
}

/** Members that only matter to the identity provider are kept as they came. */
export type Authentication = Readonly<Record<string, unknown>>;

export interface Condition {
  readonly Field: string;
  readonly Values?: readonly string[];
  readonly HostHeaderConfig?: { readonly Values: readonly string[] };
  readonly PathPatternConfig?: { readonly Values: readonly string[] };
  readonly HttpHeaderConfig?: { readonly HttpHeaderName: string; readonly Values: readonly string[] };
  readonly QueryStringConfig?: {
    readonly Values: readonly { readonly Key?: string; readonly Value: string }[];
  };
  readonly HttpRequestMethodConfig?: { readonly Values: readonly string[] };
  readonly SourceIpConfig?: { readonly Values: readonly string[] };
}

export interface LoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly dnsName: string;
  readonly created: Date;
  readonly scheme: string;
  readonly ipAddressType: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly attributes: Attributes;
  /** World time at which it serves; `provisioning` before. */
  readonly servesFrom: number;
}

export interface Listener {
  readonly arn: string;
  readonly loadBalancer: string;
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  readonly certificate?: string;
  readonly sslPolicy?: string;
  readonly attributes: Attributes;
}

export interface Rule {
  readonly arn: string;
  readonly listener: string;
  /** The default rule's actions are the listener's: one fact, kept here. */
  readonly priority: number | "default";
  readonly conditions: readonly Condition[];
  readonly actions: readonly Action[];
}

export interface TargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly protocol: "HTTP" | "HTTPS";
  readonly port: number;
  readonly vpc: string;
  readonly targetType: "instance" | "ip";
  readonly protocolVersion: string;
  readonly health: HealthCheck;
  readonly attributes: Attributes;
}

export interface HealthCheck {
  readonly protocol: "HTTP" | "HTTPS";
  /** A number or `traffic-port`. */
  readonly port: string;
  readonly path: string;
  /** s */
  readonly interval: number;
  /** s */
  readonly timeout: number;
  readonly healthy: number;
  readonly unhealthy: number;
  readonly matcher: string;
}

export type Attributes = ReadonlyMap<string, string>;

export interface Book {
  readonly loadBalancers: ReadonlyMap<string, LoadBalancer>;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly rules: ReadonlyMap<string, Rule>;
  readonly targetGroups: ReadonlyMap<string, TargetGroup>;
  /** By ARN. */
  readonly tags: ReadonlyMap<string, Attributes>;
}

export const EMPTY_BOOK: Book = {
  loadBalancers: new Map(),
  listeners: new Map(),
  rules: new Map(),
  targetGroups: new Map(),
  tags: new Map(),
};

/** A copy with one entry put in, or taken out when there is no value. */
export function put<V>(
  map: ReadonlyMap<string, V>,
  key: string,
  value: V | undefined,
): ReadonlyMap<string, V> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}

export const listenersOf = (book: Book, loadBalancer: string): Listener[] =>
  [...book.listeners.values()].filter((listener) => listener.loadBalancer === loadBalancer);

/** By priority, the default rule last (API reference, DescribeRules; guide, "Listener rules": evaluated in priority order). */
export const rulesOf = (book: Book, listener: string): Rule[] =>
  [...book.rules.values()].filter((rule) => rule.listener === listener).toSorted((a, b) => rank(a) - rank(b));

const rank = ({ priority }: Rule) => (priority === "default" ? Number.POSITIVE_INFINITY : priority);

export const groupsIn = (actions: readonly Action[]): string[] =>
  actions.flatMap(({ ForwardConfig: forward }) =>
    (forward?.TargetGroups ?? []).map(({ TargetGroupArn: arn }) => arn),
  );

/** Which load balancers forward to a target group: told by the rules, at weight 0 too. */
export function usersOf(book: Book, targetGroup: string): string[] {
  let users = usersByBook.get(book);
  if (users === undefined) usersByBook.set(book, (users = countUsers(book)));
  return [...(users.get(targetGroup) ?? [])];
}

const usersByBook = new WeakMap<Book, Map<string, Set<string>>>();

function countUsers(book: Book): Map<string, Set<string>> {
  const users = new Map<string, Set<string>>();
  for (const rule of book.rules.values()) {
    const { loadBalancer } = book.listeners.get(rule.listener)!;
    for (const group of groupsIn(rule.actions)) {
      if (!users.has(group)) users.set(group, new Set());
      users.get(group)!.add(loadBalancer);
    }
  }
  return users;
}

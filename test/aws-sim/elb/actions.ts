import { AwsError, type Input } from "../kernel.ts";
import { notFound } from "./desk.ts";
import { flag, invalid, need, oneOf, record, records, text, whole } from "./input.ts";
import {
  groupsIn,
  listenersOf,
  rulesOf,
  usersOf,
  type Action,
  type Book,
  type FixedResponse,
  type ForwardConfig,
  type Listener,
  type Redirect,
} from "./model.ts";
import { within } from "./quotas.ts";

/* Actions of rules: read from a request, filled in with the defaults, and checked. */

/** API reference, CreateRule and ModifyRule: InvalidLoadBalancerAction, the requested action is not valid. */
const refused = (message: string) => new AwsError("InvalidLoadBalancerAction", message);

const TYPES = ["forward", "redirect", "fixed-response", "authenticate-oidc", "authenticate-cognito"] as const;

/** `before`: the actions that these take the place of, where client secrets are that need not be sent again. */
export function readActions(input: Input, member: string, before: readonly Action[] = []): readonly Action[] {
  const given = records(input, member);
  if (given.length === 0) throw invalid(`${member} must not be empty`);
  const actions = given.map((action) => readAction(action, before));
  // Guide, "Rule actions": exactly one of forward, redirect and fixed-response, and it is performed last.
  const last = actions.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0)).at(-1)!;
  const routing = actions.filter(({ Type }) => !Type.startsWith("authenticate-"));
  if (routing.length !== 1 || last !== routing[0]) {
    throw refused("A rule must end with exactly one action of type forward, redirect or fixed-response");
  }
  // API reference, Action, Order: required for rules with several actions.
  if (actions.length > 1 && new Set(actions.map(({ Order }) => Order)).size !== actions.length) {
    throw refused("Every action of a rule with several actions must have an order of its own");
  }
  // Guide, "Authenticate users": one authentication action at most (assumed code: TooManyActions).
  if (actions.length > 2) throw new AwsError("TooManyActions", "A rule can have at most 2 actions");
  return actions;
}

function readAction(input: Input, before: readonly Action[]): Action {
  const Type = oneOf(input, "Type", TYPES);
  if (Type === undefined) throw invalid("Type of an action must not be null");
  const order = whole(input, "Order", 1, 50_000);
  const base = { Type, ...(order !== undefined && { Order: order }) };
  switch (Type) {
    case "forward":
      return { ...base, ...readForward(input) };
    case "redirect":
      return { ...base, RedirectConfig: readRedirect(record(input, "RedirectConfig")) };
    case "fixed-response":
      return { ...base, FixedResponseConfig: readFixed(record(input, "FixedResponseConfig")) };
    case "authenticate-oidc":
      return { ...base, AuthenticateOidcConfig: readOidc(record(input, "AuthenticateOidcConfig"), before) };
    case "authenticate-cognito":
      return { ...base, AuthenticateCognitoConfig: readCognito(record(input, "AuthenticateCognitoConfig")) };
  }
}

function readForward(input: Input): Pick<Action, "TargetGroupArn" | "ForwardConfig"> {
  const single = text(input, "TargetGroupArn");
  const config = record(input, "ForwardConfig");
  const named = config === undefined ? [] : records(config, "TargetGroups");
  // API reference, Action: with both, one group only, and the same one.
  if (single !== undefined && named.length > 0) {
    if (named.length > 1 || text(named[0]!, "TargetGroupArn") !== single) {
      throw refused("TargetGroupArn and ForwardConfig name different target groups");
    }
  }
  if (single === undefined && named.length === 0) throw refused("A forward action must name a target group");
  within("target-groups-per-action-on-application-load-balancer", named.length, "TooManyTargetGroups");
  const groups =
    named.length === 0
      ? [{ TargetGroupArn: single!, Weight: 1 }]
      : named.map((group) => ({
          TargetGroupArn: need(group, "TargetGroupArn"),
          // API reference, TargetGroupTuple: the range is 0 to 999 (assumed: 1 when it is not given).
          Weight: whole(group, "Weight", 0, 999) ?? 1,
        }));
  if (new Set(groups.map((group) => group.TargetGroupArn)).size !== groups.length) {
    throw refused("A target group can be named once in an action");
  }
  const sticky = config && record(config, "TargetGroupStickinessConfig");
  return {
    // As AWS answers: an action with one group says it in both ways.
    ...(groups.length === 1 && { TargetGroupArn: groups[0]!.TargetGroupArn }),
    ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig: readSticky(sticky) },
  };
}

/** API reference, TargetGroupStickinessConfig: 1 to 604800 seconds; required when it is enabled. */
function readSticky(input: Input | undefined): ForwardConfig["TargetGroupStickinessConfig"] {
  const enabled = (input && flag(input, "Enabled")) ?? false;
  const duration = input && whole(input, "DurationSeconds", 1, 604_800);
  if (enabled && duration === undefined) {
    throw refused("DurationSeconds must be given when target group stickiness is enabled");
  }
  return { Enabled: enabled, ...(duration !== undefined && { DurationSeconds: duration }) };
}

/** API reference, RedirectActionConfig: members that are not given keep what was asked; something must change. */
function readRedirect(input: Input | undefined): Redirect {
  if (input === undefined) throw refused("A redirect action needs RedirectConfig");
  const StatusCode = oneOf(input, "StatusCode", ["HTTP_301", "HTTP_302"]);
  if (StatusCode === undefined) throw invalid("StatusCode of a redirect must not be null");
  const config = {
    Protocol: text(input, "Protocol") ?? "#{protocol}",
    Host: text(input, "Host") ?? "#{host}",
    Port: text(input, "Port") ?? "#{port}",
    Path: text(input, "Path") ?? "/#{path}",
    Query: text(input, "Query") ?? "#{query}",
    StatusCode,
  };
  if (
    config.Protocol === "#{protocol}" &&
    config.Host === "#{host}" &&
    config.Port === "#{port}" &&
    config.Path === "/#{path}"
  ) {
    throw refused("A redirect must change protocol, host, port or path");
  }
  return config;
}

/** API reference, FixedResponseActionConfig: 2XX, 4XX or 5XX; a body of up to 1024 characters. */
function readFixed(input: Input | undefined): FixedResponse {
  if (input === undefined) throw refused("A fixed-response action needs FixedResponseConfig");
  const StatusCode = need(input, "StatusCode");
  if (!/^[245]\d\d$/.test(StatusCode)) throw invalid(`StatusCode '${StatusCode}' must be 2XX, 4XX or 5XX`);
  const MessageBody = text(input, "MessageBody");
  if ((MessageBody ?? "").length > 1024) throw invalid("MessageBody must be at most 1024 characters");
  const ContentType = oneOf(input, "ContentType", [
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
  ]);
  return {
    StatusCode,
    ...(MessageBody !== undefined && { MessageBody }),
    ...(ContentType !== undefined && { ContentType }),
  };
}

/** API reference, AuthenticateOidcActionConfig: the secret is never answered, and can be kept with UseExistingClientSecret. */
function readOidc(input: Input | undefined, before: readonly Action[]): Readonly<Record<string, unknown>> {
  if (input === undefined) throw refused("An authenticate-oidc action needs AuthenticateOidcConfig");
  for (const member of ["Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId"]) {
    need(input, member);
  }
  const known = before.some(
    ({ AuthenticateOidcConfig: config }) => config?.["ClientId"] === input["ClientId"],
  );
  const keeps = flag(input, "UseExistingClientSecret") === true && known;
  if (!keeps && text(input, "ClientSecret") === undefined) {
    throw refused("ClientSecret must be given unless the existing one is used");
  }
  const { ClientSecret: _secret, UseExistingClientSecret: _keeps, ...shown } = input;
  return withAuthenticationDefaults(shown);
}

function readCognito(input: Input | undefined): Readonly<Record<string, unknown>> {
  if (input === undefined) throw refused("An authenticate-cognito action needs AuthenticateCognitoConfig");
  for (const member of ["UserPoolArn", "UserPoolClientId", "UserPoolDomain"]) need(input, member);
  return withAuthenticationDefaults(input);
}

/** API reference, AuthenticateOidcActionConfig: the defaults of both kinds. */
const withAuthenticationDefaults = (input: Input) => ({
  SessionCookieName: "AWSELBAuthSessionCookie",
  Scope: "openid",
  SessionTimeout: "604800",
  OnUnauthenticatedRequest: "authenticate",
  ...input,
});

/** What actions must fit: the rest of the account. `rule`: whose place they take, if there is one. */
export function checkActions(
  book: Book,
  listener: Listener,
  actions: readonly Action[],
  rule?: string,
): void {
  // Guide, "Authenticate users": HTTPS listeners only.
  if (listener.protocol !== "HTTPS" && actions.some(({ Type }) => Type.startsWith("authenticate-"))) {
    throw refused("Actions of type authenticate-* are supported by HTTPS listeners only");
  }
  for (const arn of groupsIn(actions)) {
    if (!book.targetGroups.has(arn)) throw notFound.targetGroup(arn);
    // Guide, "Quotas": one load balancer per target group.
    if (usersOf(book, arn).some((user) => user !== listener.loadBalancer)) {
      throw new AwsError(
        "TargetGroupAssociationLimit",
        `The following target groups cannot be associated with more than one load balancer: ${arn}`,
      );
    }
  }
  checkStickiness(book, actions);
  const others = listenersOf(book, listener.loadBalancer)
    .flatMap(({ arn }) => rulesOf(book, arn))
    .filter(({ arn }) => arn !== rule);
  const groups = new Set([...others.flatMap((other) => groupsIn(other.actions)), ...groupsIn(actions)]);
  within(
    "target-groups-per-application-load-balancer",
    groups.size,
    "TooManyUniqueTargetGroupsPerLoadBalancer",
  );
}

/**
 * Guide, "Rule actions", "Sticky sessions and weighted target groups": among several groups, stickiness of a group's targets
 * needs stickiness of the groups; application cookies are not supported there.
 */
export function checkStickiness(book: Pick<Book, "targetGroups">, actions: readonly Action[]): void {
  for (const { ForwardConfig: forward } of actions) {
    if (forward === undefined || forward.TargetGroups.length < 2) continue;
    const sticky = forward.TargetGroups.map(
      ({ TargetGroupArn: arn }) => book.targetGroups.get(arn)?.attributes,
    ).filter((attributes) => attributes?.get("stickiness.enabled") === "true");
    if (sticky.length > 0 && !forward.TargetGroupStickinessConfig.Enabled) {
      throw new AwsError(
        "InvalidConfigurationRequest",
        "You must enable group stickiness on a rule because you enabled target stickiness on one or more of its target groups",
      );
    }
    if (sticky.some((attributes) => attributes?.get("stickiness.type") === "app_cookie")) {
      throw new AwsError(
        "InvalidConfigurationRequest",
        "Stickiness type 'app_cookie' is not supported with weighted target groups",
      );
    }
  }
}

import { AwsError, type Input, type Operation } from "../../kernel.ts";
import { checkActions, readActions } from "../actions.ts";
import * as attributes from "../attributes.ts";
import { arnsOf, lookUp, reading, writing, type Desk } from "../desk.ts";
import { invalid, need, records, text, texts, whole } from "../input.ts";
import { listenersOf, put, rulesOf, type Action, type Book, type Listener } from "../model.ts";
import { page } from "../pages.ts";
import { within } from "../quotas.ts";
import { readTags } from "./tags.ts";

const ID = "ListenerArn";

export function listenerOperations(desk: Desk): Record<string, Operation> {
  return {
    CreateListener: writing(
      "CreateListener",
      arnsOf("LoadBalancerArn"),
      (input) => ({ Listeners: [showNow(desk, create(desk, input))] }),
      (input) => [`${below(text(input, "LoadBalancerArn") ?? "", "listener")}/*`],
    ),
    ModifyListener: writing("ModifyListener", arnsOf(ID), (input) => ({
      Listeners: [showNow(desk, modify(desk, input))],
    })),
    DeleteListener: writing("DeleteListener", arnsOf(ID), (input) => remove(desk, need(input, ID))),
    DescribeListeners: reading("DescribeListeners", (input, { seenAt }) => {
      const book = desk.seen(seenAt);
      const { entries, NextMarker } = page(
        input,
        "listeners",
        find(book, input),
        desk.options.pageSize ?? 20,
      );
      return { Listeners: entries.map((listener) => show(book, listener)), NextMarker };
    }),
    DescribeListenerAttributes: reading("DescribeListenerAttributes", (input, { seenAt }) => ({
      Attributes: attributes.shown(
        lookUp(desk.seen(seenAt).listeners, need(input, ID), "listener").attributes,
      ),
    })),
    ModifyListenerAttributes: writing("ModifyListenerAttributes", arnsOf(ID), (input) => {
      const listener = lookUp(desk.book.listeners, need(input, ID), "listener");
      const after = attributes.changed(attributes.LISTENER, listener.attributes, input);
      desk.change({ listeners: put(desk.book.listeners, listener.arn, { ...listener, attributes: after }) });
      return { Attributes: attributes.shown(after) };
    }),
  };
}

/** ARN of what belongs to a load balancer: `loadbalancer/app/…` becomes `listener/app/…`. */
const below = (loadBalancer: string, kind: string) => loadBalancer.replace(":loadbalancer/", `:${kind}/`);

function create(desk: Desk, input: Input): Listener {
  const { book } = desk;
  const { arn: loadBalancer } = lookUp(book.loadBalancers, need(input, "LoadBalancerArn"), "loadBalancer");
  const port = whole(input, "Port", 1, 65_535);
  const protocol = readProtocol(input);
  if (port === undefined || protocol === undefined) throw invalid("A listener needs a port and a protocol");
  const actions = readActions(input, "DefaultActions");
  const secure = readSecure(input, protocol);
  const known = listenersOf(book, loadBalancer).find((listener) => listener.port === port);
  if (known !== undefined) {
    // API reference, CreateListener: idempotent with the same settings, DuplicateListener with others.
    if (known.protocol === protocol && JSON.stringify(defaults(book, known)) === JSON.stringify(actions))
      return known;
    throw new AwsError(
      "DuplicateListener",
      `A listener already exists on port ${port} for this load balancer`,
    );
  }
  within(
    "listeners-per-application-load-balancer",
    listenersOf(book, loadBalancer).length + 1,
    "TooManyListeners",
  );
  const listener: Listener = {
    arn: `${below(loadBalancer, "listener")}/${desk.id()}`,
    loadBalancer,
    port,
    protocol,
    ...secure,
    attributes: attributes.standards(attributes.LISTENER),
  };
  checkActions({ ...book, listeners: put(book.listeners, listener.arn, listener) }, listener, actions);
  const rule = `${listener.arn.replace(":listener/", ":listener-rule/")}/${desk.id()}`;
  desk.change({
    listeners: put(book.listeners, listener.arn, listener),
    rules: put(book.rules, rule, {
      arn: rule,
      listener: listener.arn,
      priority: "default",
      conditions: [],
      actions,
    }),
    tags: put(book.tags, listener.arn, readTags(input)),
  });
  return listener;
}

/** API reference, ModifyListener: members that are not given stay; DefaultActions are replaced as a whole. */
function modify(desk: Desk, input: Input): Listener {
  const { book } = desk;
  const before = lookUp(book.listeners, need(input, ID), "listener");
  const protocol = readProtocol(input) ?? before.protocol;
  const port = whole(input, "Port", 1, 65_535) ?? before.port;
  const { certificate: _certificate, sslPolicy: _policy, ...plain } = before;
  const secure =
    protocol === "HTTPS" ? { ...heldSecure(before), ...readSecure(input, protocol, before) } : {};
  const listener: Listener = { ...plain, protocol, port, ...secure };
  const other = listenersOf(book, before.loadBalancer).find(
    (each) => each.port === port && each.arn !== before.arn,
  );
  if (other !== undefined) {
    throw new AwsError(
      "DuplicateListener",
      `A listener already exists on port ${port} for this load balancer`,
    );
  }
  const rule = defaultRule(book, before);
  const given = input["DefaultActions"] !== undefined;
  const actions = given ? readActions(input, "DefaultActions", rule.actions) : rule.actions;
  checkActions(book, listener, actions, rule.arn);
  desk.change({
    ...(!sameListener(before, listener) && { listeners: put(book.listeners, listener.arn, listener) }),
    rules: put(book.rules, rule.arn, { ...rule, actions }),
  });
  return listener;
}

const heldSecure = ({ certificate, sslPolicy }: Listener) => ({
  ...(certificate !== undefined && { certificate }),
  ...(sslPolicy !== undefined && { sslPolicy }),
});

const sameListener = (a: Listener, b: Listener) =>
  a.port === b.port &&
  a.protocol === b.protocol &&
  a.certificate === b.certificate &&
  a.sslPolicy === b.sslPolicy;

function readProtocol(input: Input): "HTTP" | "HTTPS" | undefined {
  const protocol = text(input, "Protocol");
  if (protocol === undefined || protocol === "HTTP" || protocol === "HTTPS") return protocol;
  // API reference, CreateListener: HTTP and HTTPS for Application Load Balancers.
  throw new AwsError(
    "UnsupportedProtocol",
    `Protocol '${protocol}' is not supported by Application Load Balancers`,
  );
}

/** API reference, CreateListener, Certificates: exactly one for HTTPS. */
function readSecure(
  input: Input,
  protocol: "HTTP" | "HTTPS",
  before?: Listener,
): Pick<Listener, "certificate" | "sslPolicy"> {
  const certificates = records(input, "Certificates").map((each) => need(each, "CertificateArn"));
  if (protocol === "HTTP") {
    if (certificates.length > 0) throw invalid("A certificate cannot be specified for HTTP listeners");
    return {};
  }
  if (certificates.length > 1) throw invalid("A listener is made with one certificate");
  const certificate = certificates[0] ?? before?.certificate;
  if (certificate === undefined) throw invalid("A certificate must be specified for HTTPS listeners");
  if (!/^arn:aws:(acm:[^:]+:\d{12}:certificate|iam::\d{12}:server-certificate)\/.+$/.test(certificate)) {
    throw new AwsError("CertificateNotFound", `Certificate '${certificate}' not found`);
  }
  const standard = before?.sslPolicy ?? "ELBSecurityPolicy-2016-08";
  return { certificate, sslPolicy: text(input, "SslPolicy") ?? standard };
}

function remove(desk: Desk, arn: string): Record<string, never> {
  const { book } = desk;
  lookUp(book.listeners, arn, "listener");
  const gone = new Set([arn, ...rulesOf(book, arn).map((rule) => rule.arn)]);
  const kept = <V>(map: ReadonlyMap<string, V>) => new Map([...map].filter(([key]) => !gone.has(key)));
  desk.change({ listeners: kept(book.listeners), rules: kept(book.rules), tags: kept(book.tags) });
  return {};
}

function find(book: Book, input: Input): readonly Listener[] {
  const arns = texts(input, "ListenerArns");
  const balancer = text(input, "LoadBalancerArn");
  // API reference, DescribeListeners: a load balancer, or one or more listeners.
  if (arns.length > 0 && balancer === undefined)
    return arns.map((arn) => lookUp(book.listeners, arn, "listener"));
  if (balancer === undefined || arns.length > 0)
    throw invalid("Either LoadBalancerArn or ListenerArns must be specified");
  lookUp(book.loadBalancers, balancer, "loadBalancer");
  return listenersOf(book, balancer);
}

const defaultRule = (book: Book, listener: Listener) => rulesOf(book, listener.arn).at(-1)!;
const defaults = (book: Book, listener: Listener): readonly Action[] => defaultRule(book, listener).actions;

const show = (book: Book, listener: Listener) => ({
  ListenerArn: listener.arn,
  LoadBalancerArn: listener.loadBalancer,
  Port: listener.port,
  Protocol: listener.protocol,
  Certificates: listener.certificate === undefined ? undefined : [{ CertificateArn: listener.certificate }],
  SslPolicy: listener.sslPolicy,
  DefaultActions: defaults(book, listener),
});

/** After a change: the book of now, not of before the argument was made. */
const showNow = (desk: Desk, listener: Listener) => show(desk.book, listener);

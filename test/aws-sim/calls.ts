import { randomUUID } from "node:crypto";
import type { Faults } from "./faults.ts";
import type { Authority } from "./iam/authorise.ts";
import type { Credentials } from "./iam/credentials.ts";
import { HiddenError } from "./iam/hidden.ts";
import { readSigned } from "./iam/signature.ts";
import type { Interception, Met } from "./interception.ts";
import {
  AwsError,
  type Chance,
  type Input,
  type Operation,
  type Service,
  type WorldClock,
} from "./kernel.ts";
import type { Reply } from "./protocol/endpoint.ts";
import { failure } from "./protocol/failures.ts";
import { json } from "./protocol/json.ts";
import type { HttpAnswer, HttpRequest, Protocol } from "./protocol/protocol.ts";
import { ec2, query } from "./protocol/query.ts";
import { rest } from "./protocol/rest.ts";
import type { Throttle } from "./throttle.ts";
import type { Fault, Principal, Recorded } from "./types.ts";

/* The way of a call: who asks, what for, is it hit by a fault, is there a token left, may they, then the operation itself. */

const PROTOCOLS: Readonly<Record<Service["protocol"], Protocol>> = { query, ec2, json, rest };

export interface Calls {
  readonly services: ReadonlyMap<string, Service>;
  readonly credentials: Credentials;
  readonly faults: Faults;
  readonly clock: WorldClock;
  readonly chance: Chance;
  /** Reads may be so late, ms of the world. */
  readonly staleness: number;
  readonly throttle: Throttle;
  readonly authority: Authority;
  readonly interception: Interception;
  record(entry: Recorded): void;
}

/** One call on its way; what is not known yet is undefined. */
interface Call {
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly at: number;
  readonly service: Service;
  principal?: Principal;
  name: string;
  operation?: Operation;
  input: Input;
}

type Outcome =
  | { readonly is: "answer"; readonly answer: HttpAnswer; readonly error?: string }
  | { readonly is: "reset" };

export function answerCalls(calls: Calls): (request: HttpRequest) => Promise<Reply> {
  return async (request) => {
    const signed = readSigned(request);
    const [anyone] = calls.services.values();
    const service = calls.services.get(signed?.service ?? "sts") ?? calls.services.get("sts") ?? anyone!;
    const call: Call = {
      request,
      requestId: randomUUID(),
      at: calls.clock.now(),
      service,
      name: "",
      input: {},
    };
    const outcome = await carriedOut(calls, call);
    calls.record(recorded(call, outcome));
    return outcome.is === "reset" ? "reset" : outcome.answer;
  };
}

async function carriedOut(calls: Calls, call: Call): Promise<Outcome> {
  try {
    const operation = understood(calls, call);
    const met = metBy(call, operation);
    if ((await calls.interception.before(met)) === "lost") return { is: "reset" };
    const outcome = await answered(calls, call, operation);
    return (await calls.interception.after(met)) === "lost" ? { is: "reset" } : outcome;
  } catch (error) {
    return failed(call, error);
  }
}

function metBy({ principal, input }: Call, { action, mutating }: Operation): Met {
  return { action, mutating, principal: principal?.arn ?? "anonymous", input };
}

async function answered(calls: Calls, call: Call, operation: Operation): Promise<Outcome> {
  try {
    const fault = calls.faults.hits(operation.action);
    if (fault === undefined) return await performed(calls, call, operation);
    return await struck(calls, call, operation, fault);
  } catch (error) {
    return failed(call, error);
  }
}

/** Who asks for what. */
function understood(calls: Calls, call: Call): Operation {
  const { service, request } = call;
  const { operation: name, input } = PROTOCOLS[service.protocol].parse(request);
  call.name = name;
  call.input = input;
  const operation = service.operations[name];
  if (operation?.anonymous !== true) call.principal = authenticated(calls, call);
  if (operation === undefined) {
    throw failure("unknownOperation", service.name, `The simulator knows no ${service.name}:${name}`);
  }
  call.operation = operation;
  return operation;
}

function authenticated(calls: Calls, { request, service }: Call): Principal {
  const signed = readSigned(request);
  if (signed === undefined) throw failure("noCredentials", service.name);
  if (signed.service !== service.name) {
    throw new AwsError(
      "SignatureDoesNotMatch",
      `Credential should be scoped to a known service, not '${signed.service}'.`,
      403,
    );
  }
  return calls.credentials.authenticate(request, signed);
}

async function performed(calls: Calls, call: Call, operation: Operation): Promise<Outcome> {
  const { service, name, input, requestId, principal } = call;
  calls.throttle(service.name, name);
  if (principal !== undefined) calls.authority.authorise(principal, operation, input, service);
  const now = calls.clock.now();
  const seenAt = operation.mutating ? now : now - calls.chance.next() * calls.staleness;
  const result = await handled(calls, call, operation, seenAt);
  return { is: "answer", answer: PROTOCOLS[service.protocol].answer(service, name, result, requestId) };
}

async function handled(calls: Calls, call: Call, operation: Operation, seenAt: number): Promise<unknown> {
  const { input, requestId, principal, service } = call;
  try {
    return await operation.handle(input, { requestId, principal: principal?.arn ?? "anonymous", seenAt });
  } catch (error) {
    if (!(error instanceof HiddenError)) throw error;
    throw calls.authority.allows(principal!, error.action, error.resource)
      ? error
      : failure("denied", service.name);
  }
}

/** A call that a fault hits. */
async function struck(calls: Calls, call: Call, operation: Operation, fault: Fault): Promise<Outcome> {
  const service = call.service.name;
  switch (fault.kind) {
    case "throttle":
      throw failure("throttled", service);
    case "error":
      throw failure("internal", service);
    case "expired":
      throw failure("expired", service);
    case "reset":
      return { is: "reset" };
    case "lostAnswer":
      // A refusal is lost as well: the caller learns nothing in either case.
      await performed(calls, call, operation).catch(onlyRefusals);
      return { is: "reset" };
    case "slow":
      await calls.clock.sleep(fault.delay ?? 0);
      return performed(calls, call, operation);
    case "late":
      calls.clock.after(fault.delay ?? 0, () => void performed(calls, call, operation).catch(onlyRefusals));
      return { is: "reset" };
    default:
      throw new Error(`no such kind of fault: ${String(fault.kind satisfies never)}`);
  }
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof AwsError)) console.error(error);
}

function failed({ service, request, requestId }: Call, thrown: unknown): Outcome {
  if (!(thrown instanceof AwsError)) console.error(thrown);
  const error = thrown instanceof AwsError ? thrown : failure("internal", service.name);
  return {
    is: "answer",
    answer: PROTOCOLS[service.protocol].error(service, error, requestId, request),
    error: error.code,
  };
}

function recorded(call: Call, outcome: Outcome): Recorded {
  const { request, service, operation, name } = call;
  const answer = outcome.is === "answer" ? outcome.answer : undefined;
  return {
    at: call.at,
    action: operation?.action ?? `${readSigned(request)?.service ?? service.name}:${name}`,
    principal: call.principal?.arn ?? "anonymous",
    mutating: operation?.mutating ?? false,
    input: call.input,
    status: answer?.status ?? 0,
    ...(outcome.is === "answer" && outcome.error !== undefined && { error: outcome.error }),
    raw: {
      service: service.name,
      request: {
        headers: request.headers,
        method: request.method,
        path: request.path,
        body: request.body.toString(),
      },
      ...(answer && { response: { headers: answer.headers, body: answer.body.toString() } }),
    },
  };
}

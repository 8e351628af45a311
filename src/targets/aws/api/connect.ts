import type { Cause } from "../../../core/units.ts";
import type { AwsSettings } from "../settings.ts";
import { isTransient } from "./answers.ts";
import type { Answer, AwsApi, CallBy, Caller, Purse } from "./api.ts";
import { clientsOf, type Clients } from "./clients.ts";
import { computeOver } from "./compute.ts";
import type { ClientConfig } from "./config.ts";
import { credentialsOf, type Credentials, type Environment } from "./credentials.ts";
import { elbOver } from "./elb.ts";
import { givenUp } from "./failures.ts";
import { metricsOver, parametersOver } from "./metrics.ts";
import type { Rate } from "./purse.ts";
import { rightsOver } from "./rights.ts";
import { scalingOver } from "./scaling.ts";
import { sender, type Send } from "./send.ts";
import { sharing } from "./sharing.ts";

/** Which account, and by whose credentials. */
export type AwsAccess = Pick<AwsSettings, "account" | "region" | "profile">;

export interface ConnectOptions {
  /** Region, endpoint and, where it is not this process's own, credentials. */
  readonly environment?: Environment;
  /** Other allowances than `RATES`. */
  readonly rates?: Partial<Readonly<Record<Purse, Rate>>>;
  /** In [0, 1): jitter of pauses. */
  readonly random?: () => number;
  /** Wall clock, ms since 1970: metrics are asked for up to now. */
  readonly now?: () => number;
}

/** Longest wait (ms) for a connection. */
const CONNECT_MS = 2_000;

/**
 * One account and region. Sends nothing yet: the first call asks who calls, and every call is refused (TEAL-A102)
 * where that is another account. The region is the settings' own, else AWS_REGION, else AWS_DEFAULT_REGION (which the
 * SDK does not know), else the profile's.
 */
export async function connectAws(
  access: AwsAccess,
  { environment = process.env, rates, random = Math.random, now = Date.now }: ConnectOptions = {},
): Promise<{ readonly is: "api"; readonly api: AwsApi } | { readonly is: "failed"; readonly cause: Cause }> {
  const profile = access.profile ?? environment["AWS_PROFILE"];
  const named = access.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"];
  const region = named ?? (await regionOf(profile));
  if (region === undefined) return { is: "failed", cause: noRegion(profile) };
  const endpoint = environment === process.env ? undefined : environment["AWS_ENDPOINT_URL"];
  const config: ClientConfig = {
    region,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
  };
  const credentials = credentialsOf(config, environment);
  const send = sender({
    region,
    random,
    monotonic: () => performance.now(),
    renew: () => credentials.renew(),
    ...(rates === undefined ? {} : { rates }),
  });
  return {
    is: "api",
    api: new Account(access.account, region, credentials, clientsOf(config, credentials), send, now),
  };
}

class Account implements AwsApi {
  readonly region: string;
  readonly elb: AwsApi["elb"];
  readonly scaling: AwsApi["scaling"];
  readonly compute: AwsApi["compute"];
  readonly metrics: AwsApi["metrics"];
  readonly parameters: AwsApi["parameters"];
  readonly rights: AwsApi["rights"];
  readonly #account: string;
  readonly #credentials: Credentials;
  readonly #clients: Clients;
  readonly #send: Send;
  readonly #asking: (call: CallBy) => Promise<Answer<Identity> | undefined>;
  #identity: Identity | undefined;
  /** When nobody could tell last who calls, on the monotonic clock. */
  #missed = Number.NEGATIVE_INFINITY;

  constructor(
    account: string,
    region: string,
    credentials: Credentials,
    clients: Clients,
    send: Send,
    now: () => number,
  ) {
    this.region = region;
    this.#account = account;
    this.#credentials = credentials;
    this.#clients = clients;
    this.#send = send;
    this.#asking = sharing(({ signal }) => this.#ask(signal));
    const admitted: Send = async (order, call, attempt) => {
      const refused = await this.#refusal(call.signal);
      return refused ?? send(order, call, attempt);
    };
    const byArn: Send = async (order, call, attempt) => {
      const refused = await this.#refusalByArn(call.signal);
      return refused ?? send(order, call, attempt);
    };
    this.elb = elbOver(clients, byArn);
    this.scaling = scalingOver(clients, admitted);
    this.compute = computeOver(clients, admitted);
    this.metrics = metricsOver(clients, admitted, now);
    this.parameters = parametersOver(clients, admitted);
    this.rights = rightsOver(clients, admitted);
  }

  async caller(signal: AbortSignal): Promise<Answer<Caller>> {
    const who = await this.#who(signal);
    if (who.is === "failed") return who;
    return { is: "ok", value: { ...who.value, ...(await this.#credentials.life()) } };
  }

  close(): Promise<void> {
    return this.#clients.destroy();
  }

  /** Why nothing may be sent: the credentials are another account's, or nobody can tell whose they are. */
  async #refusal(signal: AbortSignal): Promise<Extract<Answer<never>, { is: "failed" }> | undefined> {
    const who = await this.#who(signal);
    if (who.is === "failed") return { ...who, sure: true };
    if (who.value.account === this.#account) return undefined;
    return { is: "failed", code: "WrongAccount", sure: true, cause: wrongAccount(who.value, this.#account) };
  }

  /**
   * The same for calls that name what they write by its ARN: the account is in it, and in no other account would AWS
   * find it. Going back does not wait for whoever cannot tell the caller at the moment.
   */
  async #refusalByArn(signal: AbortSignal): Promise<Extract<Answer<never>, { is: "failed" }> | undefined> {
    if (this.#identity === undefined && performance.now() - this.#missed < ASK_AGAIN) return undefined;
    const refused = await this.#refusal(AbortSignal.any([signal, AbortSignal.timeout(WHO_WITHIN)]));
    if (refused === undefined || signal.aborted || !isTransient(refused.cause)) return refused;
    this.#missed = performance.now();
    return undefined;
  }

  /** Asked once for all calls; what failed is asked again. */
  async #who(signal: AbortSignal): Promise<Answer<Identity>> {
    if (this.#identity !== undefined) return { is: "ok", value: this.#identity };
    const answer = await this.#asking({ signal, purse: "switch" });
    if (answer?.is === "ok") this.#identity = answer.value;
    return answer ?? givenUp({ action: WHO, region: this.region });
  }

  #ask(signal: AbortSignal): Promise<Answer<Identity>> {
    const order = { action: WHO, writes: false };
    return this.#send(order, { signal, purse: "switch" }, async (abortSignal) => {
      const { client, sdk } = await this.#credentials.sts();
      const { Account = "", Arn = "" } = await client.send(new sdk.GetCallerIdentityCommand({}), {
        abortSignal,
      });
      return { account: Account, arn: Arn };
    });
  }
}

type Identity = Pick<Caller, "account" | "arn">;

const WHO = "sts:GetCallerIdentity";
/** A call by ARN waits so long (ms) at most to be told who calls, and after that for so long not again. */
const WHO_WITHIN = 1_000;
const ASK_AGAIN = 10_000;

/** The profile's own, by the SDK's own reading of the files. */
async function regionOf(profile: string | undefined): Promise<string | undefined> {
  const { STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient(profile === undefined ? {} : { profile });
  try {
    return await client.config.region();
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

function noRegion(profile: string | undefined): Cause {
  const where = profile === undefined ? "the default profile" : `profile ${profile}`;
  const message = `no AWS region: set target.aws.region, AWS_REGION or AWS_DEFAULT_REGION; ${where} has none either`;
  return { code: "TEAL-A103", message };
}

function wrongAccount({ account, arn }: Pick<Caller, "account" | "arn">, wanted: string): Cause {
  const message = `these credentials are of account ${account} (${arn}), and target.aws.account is ${wanted}: nothing was sent. Choose the right profile, or correct teal.yaml.`;
  return { code: "TEAL-A102", message };
}

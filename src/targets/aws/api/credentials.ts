import type * as Sts from "@aws-sdk/client-sts";
import { instant, type Instant } from "../../../core/units.ts";
import { once, type ClientConfig } from "./config.ts";

/** What the SDK's chain found, with where it comes from. */
interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
  readonly $source?: Readonly<Record<string, unknown>>;
}

type Provider = (options?: { readonly forceRefresh?: boolean }) => Promise<Identity>;

/** The one place where credentials are got; every client asks here. */
export interface Credentials {
  readonly sts: () => Promise<{
    readonly client: Sts.STSClient;
    readonly sdk: typeof Sts;
  }>;
  provider(): Promise<Provider>;
  /** When they end, and whether the chain gets others by itself then. */
  life(): Promise<{ readonly expires?: Instant; readonly renews: boolean }>;
  /** Asks the chain anew; false when it gives the same again. */
  renew(): Promise<boolean>;
  destroy(): Promise<void>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The SDK's default chain (environment, SSO, profile, process, web identity, container, instance), or what another
 * environment than this process's says.
 */
export function credentialsOf(config: ClientConfig, environment: Environment): Credentials {
  const sts = once(async () => {
    const sdk = await import("@aws-sdk/client-sts");
    const given = environment === process.env ? undefined : fromEnvironment(environment);
    const options = {
      ...config,
      // A profile's file that somebody renewed is read again, where the chain asks it again.
      ignoreCache: true,
      ...(given === undefined ? {} : { credentials: given }),
    };
    return { sdk, client: new sdk.STSClient(options) };
  });
  const provider = async (): Promise<Provider> => (await sts()).client.config.credentials as Provider;
  return {
    sts,
    provider,
    life: async () => {
      const { expiration, $source } = await (await provider())();
      if (expiration === undefined) return { renews: false };
      const fixed = $source?.["CREDENTIALS_ENV_VARS"] !== undefined;
      return { expires: instant(expiration.getTime()), renews: !fixed };
    },
    renew: async () => {
      const ask = await provider();
      try {
        const before = (await ask()).accessKeyId;
        return (await ask({ forceRefresh: true })).accessKeyId !== before;
      } catch {
        return false;
      }
    },
    destroy: async () => (await sts().catch(() => undefined))?.client.destroy(),
  };
}

/** The four variables that the SDK reads, of an environment that is not this process's own. */
function fromEnvironment(environment: Environment): Identity | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  const expiration = environment["AWS_CREDENTIAL_EXPIRATION"];
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiration === undefined ? {} : { expiration: new Date(expiration) }),
    $source: { CREDENTIALS_ENV_VARS: "g" },
  };
}

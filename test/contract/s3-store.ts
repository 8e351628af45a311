import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openS3Store } from "../../src/state/s3/store.ts";
import type { S3Store, S3StoreOptions } from "../../src/state/s3/store.ts";
import { startS3Proxy } from "../aws/s3-proxy.ts";
import type { S3Proxy } from "../aws/s3-proxy.ts";

/** An S3 with nothing in it. */
export interface S3Server {
  readonly endpoint: string;
  /** Region and credentials for the SDK. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** An S3 with a bucket, and in each test a prefix of its own with a store on it. */
export interface S3StoreTest {
  readonly bucket: string;
  readonly prefix: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly store: S3Store;
  readonly client: S3Client;
  /** A further one, as another process would have. */
  open(options?: Partial<S3StoreOptions> & { readonly endpoint?: string }): S3Store;
  /** Stands between a store and the server. */
  proxy(): Promise<S3Proxy>;
}

/** Calls the hooks of vitest: to be called once in a file. */
export function s3StoreTests(start: () => Promise<S3Server>): S3StoreTest {
  const bucket = "teal-state";
  let server: S3Server;
  let client: S3Client;
  let prefix = "";
  let prefixes = 0;
  let store: S3Store;
  const stores: S3Store[] = [];
  const proxies: S3Proxy[] = [];

  const open: S3StoreTest["open"] = ({ endpoint = server.endpoint, ...options } = {}) => {
    const opened = openS3Store({
      bucket,
      prefix,
      access: async () => clientOf(server, endpoint),
      ...options,
    });
    stores.push(opened);
    return opened;
  };

  beforeAll(async () => {
    server = await start();
    client = clientOf(server, server.endpoint);
    const LocationConstraint = (await client.config.region()) as "eu-central-1";
    const where = LocationConstraint.startsWith("us-east-1")
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint } };
    await client.send(new CreateBucketCommand({ Bucket: bucket, ...where }));
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });
  beforeEach(() => {
    prefix = `test-${(prefixes += 1)}`;
    store = open();
  });
  afterEach(async () => {
    for (const each of stores.splice(0)) await each.dispose();
    for (const each of proxies.splice(0)) await each.stop();
  });

  return {
    bucket,
    get prefix() {
      return prefix;
    },
    get environment() {
      return server.environment;
    },
    get store() {
      return store;
    },
    get client() {
      return client;
    },
    open,
    proxy: async () => {
      const proxy = await startS3Proxy(server.endpoint);
      proxies.push(proxy);
      return proxy;
    },
  };
}

function clientOf({ environment }: S3Server, endpoint: string): S3Client {
  const { AWS_REGION, AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_SESSION_TOKEN } = environment;
  return new S3Client({
    maxAttempts: 1,
    endpoint,
    forcePathStyle: true,
    region: AWS_REGION ?? "eu-central-1",
    credentials: {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN !== undefined && { sessionToken: AWS_SESSION_TOKEN }),
    },
  });
}

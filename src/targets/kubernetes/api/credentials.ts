import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { excerpt, redact } from "../../../core/redact.ts";
import type { Cause } from "../../../core/units.ts";
import type { Pinned } from "./kubeconfig.ts";

/** What a request needs beside its own headers, and how its connection is secured. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly tls: Tls;
  /** Values that must never be shown. */
  readonly secrets: readonly string[];
}

export interface Tls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Longer no program that prints credentials may take. */
const PLUGIN_MS = 60_000;

type Authenticator = {
  applyAuthentication(user: Pinned["user"], options: RequestOptions): unknown;
};

/**
 * The user's credentials, as fresh as the user's kubeconfig lets them be: a token printed by a program is kept until it
 * expires, a token in a file is read again every minute. Programs run by this end with `close`.
 */
export class CredentialSource {
  readonly #pinned: Pinned;
  readonly #plugins = new Set<ChildProcess>();
  #generation = 0;
  #authenticator: Authenticator | "none" | undefined;
  #files: Pick<Tls, "ca" | "cert" | "key"> | undefined;
  #pending: Promise<Credentials | Cause> | undefined;

  constructor(pinned: Pinned) {
    this.#pinned = pinned;
  }

  /** Tells credentials that are asked for now from those after the next `forget`. */
  get generation(): number {
    return this.#generation;
  }

  /** Never rejects. Callers at the same time share one run of a program. */
  current(): Promise<Credentials | Cause> {
    if (this.#pending === undefined) {
      const pending = this.#read().finally(() => {
        if (this.#pending === pending) this.#pending = undefined;
      });
      this.#pending = pending;
    }
    return this.#pending;
  }

  /** The server refused the credentials of this generation: the next are asked for anew, once for all who find out. */
  forget(generation: number): void {
    if (generation !== this.#generation) return;
    this.#generation++;
    this.#authenticator = undefined;
    this.#files = undefined;
    this.#pending = undefined;
  }

  close(): void {
    for (const plugin of this.#plugins) plugin.kill("SIGKILL");
  }

  async #read(): Promise<Credentials | Cause> {
    const { cluster, name, user, source } = this.#pinned;
    const generation = this.#generation;
    try {
      const authenticator = this.#authenticator ?? (await authenticatorOf(user, this.#plugins)) ?? "none";
      const files = this.#files ?? readFiles(this.#pinned);
      if (generation === this.#generation) {
        this.#authenticator = authenticator;
        this.#files = files;
      }
      const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
      if (authenticator !== "none") await authenticator.applyAuthentication(withExecInfo(user), options);
      return assemble(this.#pinned, options, files);
    } catch (error) {
      return {
        code: "TEAL-K105",
        message:
          `no credentials for cluster ${JSON.stringify(cluster.name)} (context ${JSON.stringify(name)}, ${source}): ` +
          `${pluginProblem(user, error)}. Log in again as your cluster's provider says, then repeat the command.`,
      };
    }
  }
}

/**
 * Only the library's authenticators are loaded, one file each: its client for the whole API takes 280 ms to import
 * and 80 MB, of which these calls need nothing.
 */
async function authenticatorOf(
  user: Pinned["user"],
  plugins: Set<ChildProcess>,
): Promise<Authenticator | undefined> {
  const provider = user.authProvider as {
    readonly name?: string;
    readonly config?: { exec?: unknown };
  } | null;
  if (user.exec || provider?.name === "exec" || provider?.config?.exec) {
    const { ExecAuth } = await import("@kubernetes/client-node/dist/exec_auth.js");
    const auth = new ExecAuth();
    // Without this the program could wait for input for ever, and outlive the call that wanted it.
    const run: ExecFn = (command, args, options) => runPlugin(command, args, options, plugins);
    Object.assign(auth as object, { execFn: run });
    return auth;
  }
  switch (provider?.name) {
    case "tokenFile":
      return new (await import("@kubernetes/client-node/dist/file_auth.js")).FileAuth();
    case "oidc":
      return new (await import("@kubernetes/client-node/dist/oidc_auth.js")).OpenIDConnectAuth();
    case "gcp":
      return new (await import("@kubernetes/client-node/dist/gcp_auth.js")).GoogleCloudPlatformAuth();
    case "azure":
      return new (await import("@kubernetes/client-node/dist/azure_auth.js")).AzureAuth();
    case undefined:
      return undefined;
    default:
      throw new Error(`the auth-provider ${JSON.stringify(provider?.name)} is not known`);
  }
}

type ExecFn = (command: string, args: readonly string[] | undefined, options: SpawnOptions) => ChildProcess;

function runPlugin(
  command: string,
  args: readonly string[] | undefined,
  options: SpawnOptions,
  plugins: Set<ChildProcess>,
): ChildProcess {
  const child = spawn(command, args ?? [], {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PLUGIN_MS,
    killSignal: "SIGKILL",
  });
  plugins.add(child);
  child.once("close", () => plugins.delete(child));
  return child;
}

/** What client-go tells every such program in its environment, and some insist on. */
function withExecInfo(user: Pinned["user"]): Pinned["user"] {
  const exec = user.exec as
    | { readonly apiVersion?: string; readonly env?: readonly object[] }
    | null
    | undefined;
  if (exec === null || exec === undefined) return user;
  const info = {
    apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: { interactive: false },
  };
  const env = [...(exec.env ?? []), { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }];
  return { ...user, exec: { ...exec, env } };
}

function assemble(
  { cluster, user, groups }: Pinned,
  options: RequestOptions & { headers: Record<string, string> },
  files: Pick<Tls, "ca" | "cert" | "key">,
): Credentials {
  const { Authorization: ours } = options.headers;
  const basic = user.username
    ? `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`
    : undefined;
  const token = user.token ? `Bearer ${user.token}` : undefined;
  // A file often ends with a line feed, which no header may contain.
  const authorization = (token ?? ours ?? basic)?.trim();
  return {
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(user.impersonateUser ? { "impersonate-user": user.impersonateUser } : {}),
      ...(groups.length > 0 ? { "impersonate-group": groups } : {}),
    },
    tls: {
      ...files,
      ...(options.cert === undefined ? {} : { cert: options.cert as string }),
      ...(options.key === undefined ? {} : { key: options.key as string }),
      ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
      ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
    },
    secrets: [authorization?.replace(/^\w+ /u, ""), user.password].filter(
      (each) => each !== undefined && each !== null,
    ),
  };
}

function readFiles({ cluster, user }: Pinned): Pick<Tls, "ca" | "cert" | "key"> {
  const ca = material(cluster.caFile, cluster.caData);
  const cert = material(user.certFile, user.certData);
  const key = material(user.keyFile, user.keyData);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function material(file: string | undefined, data: string | undefined): Buffer | undefined {
  if (data) return Buffer.from(data, "base64");
  return file ? readFileSync(file) : undefined;
}

function pluginProblem(user: Pinned["user"], error: unknown): string {
  const exec = user.exec as { readonly command?: string; readonly installHint?: string } | null | undefined;
  const said = excerpt(redact(error instanceof Error ? error.message : String(error)), 300);
  if (!exec) return said;
  if ((error as NodeJS.ErrnoException).code === "ENOENT") {
    const hint = exec.installHint ? `: ${excerpt(exec.installHint, 200)}` : "";
    return `the program ${exec.command} is not installed${hint}`;
  }
  return `${exec.command} failed${said === "" ? "" : `: ${said}`}`;
}

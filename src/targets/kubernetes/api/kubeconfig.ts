import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js";
import { excerpt, redact } from "../../../core/redact.ts";
import type { Cause } from "../../../core/units.ts";
import type { Access } from "../settings.ts";

/** One cluster and one user of it, taken from a kubeconfig by the context's name, or from the pod Teal runs in. */
export interface Pinned {
  readonly name: string;
  readonly cluster: Cluster;
  readonly user: User;
  /** What the entry says and the library does not read: groups to act as, ... */
  readonly groups: readonly string[];
  /** The context's own namespace. */
  readonly namespace?: string;
  /** Where this was read. */
  readonly source: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a pod finds the credentials of its service account. */
export const POD_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the pinned context. Files are read as kubectl reads them: the given one, or all of `KUBECONFIG` (the first
 * definition of a name holds, files that are not there are passed over), or `~/.kube/config`.
 */
export async function pin(
  access: Access,
  environment: Environment,
  podFolder: string = POD_FOLDER,
): Promise<Pinned | Cause> {
  return access.by === "pod"
    ? pinPod(environment, podFolder)
    : pinContext(access.context, access.kubeconfig, environment);
}

function pinPod(environment: Environment, folder: string): Pinned | Cause {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = environment;
  if (host === undefined || host === "") {
    return {
      code: "TEAL-K104",
      message:
        "this process does not run in a pod: KUBERNETES_SERVICE_HOST is not set. Name a context of your kubeconfig.",
    };
  }
  try {
    readFileSync(join(folder, "token"));
  } catch (error) {
    return {
      code: "TEAL-K104",
      message: `the pod has no service account token (${text(error)}). Set automountServiceAccountToken: true, or name a context.`,
    };
  }
  const namespace = readIfThere(join(folder, "namespace"))?.trim();
  return {
    name: "pod",
    source: folder,
    cluster: {
      name: "pod",
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      caFile: join(folder, "ca.crt"),
      skipTLSVerify: false,
    },
    user: {
      name: "pod",
      authProvider: { name: "tokenFile", config: { tokenFile: join(folder, "token") } },
    },
    groups: [],
    ...(namespace === undefined || namespace === "" ? {} : { namespace }),
  };
}

interface Entry {
  readonly name?: unknown;
  readonly [key: string]: unknown;
}

interface Kubeconfig {
  readonly path: string;
  readonly lists: Readonly<Record<"contexts" | "clusters" | "users", readonly Entry[]>>;
}

async function pinContext(
  name: string,
  path: string | undefined,
  environment: Environment,
): Promise<Pinned | Cause> {
  const paths = path === undefined ? defaultPaths(environment) : [path];
  const files: Kubeconfig[] = [];
  for (const each of paths) {
    const file = await readKubeconfig(each, path !== undefined || paths.length === 1);
    if (file === undefined) continue;
    if ("code" in file) return file;
    files.push(file);
  }
  const where = paths.join(", ");
  const context = find(files, "contexts", name);
  if (context === undefined) {
    const names = files.flatMap((file) => file.lists.contexts.map((entry) => String(entry.name)));
    const existing = names.length === 0 ? "it has none" : `it has ${[...new Set(names)].sort().join(", ")}`;
    return {
      code: "TEAL-K102",
      message: `no context ${JSON.stringify(name)} in ${where === "" ? "any kubeconfig" : where}: ${existing}. Correct kubernetes.context.`,
    };
  }
  return pinEntries(name, context, files);
}

/** The library reads the entries; only those that the context names, so that a broken one elsewhere does no harm. */
async function pinEntries(
  name: string,
  context: { readonly entry: Entry; readonly path: string },
  files: readonly Kubeconfig[],
): Promise<Pinned | Cause> {
  const { newClusters, newContexts, newUsers } = await import("@kubernetes/client-node/dist/config_types.js");
  const invalid = (what: string): Cause => ({
    code: "TEAL-K103",
    message: `context ${JSON.stringify(name)} in ${context.path} cannot be used: ${what}. Correct the kubeconfig.`,
  });
  try {
    const [pinned] = newContexts([context.entry]);
    if (pinned === undefined) return invalid("it says nothing");
    const cluster = find(files, "clusters", pinned.cluster);
    if (cluster === undefined) return invalid(`there is no cluster ${JSON.stringify(pinned.cluster)}`);
    const user = find(files, "users", pinned.user);
    if (user === undefined && pinned.user !== undefined) {
      return invalid(`there is no user ${JSON.stringify(pinned.user)}`);
    }
    const [readCluster] = newClusters([cluster.entry]);
    const [readUser] = newUsers([
      withTokenFile(user?.entry ?? { name: "nobody" }, user?.path ?? context.path),
    ]);
    if (readCluster === undefined || readUser === undefined)
      return invalid("its cluster or user says nothing");
    const groups = (user?.entry["user"] as { readonly "as-groups"?: readonly string[] } | undefined)?.[
      "as-groups"
    ];
    return {
      name,
      source: context.path,
      cluster: withPaths(readCluster, ["caFile"], cluster.path),
      user: withCommand(withPaths(readUser, ["certFile", "keyFile"], user?.path ?? context.path), user?.path),
      groups: groups ?? [],
      ...(pinned.namespace === undefined ? {} : { namespace: pinned.namespace }),
    };
  } catch (error) {
    return invalid(text(error));
  }
}

function defaultPaths(environment: Environment): readonly string[] {
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  return listed.length > 0 ? listed : [join(environment["HOME"] ?? homedir(), ".kube", "config")];
}

async function readKubeconfig(path: string, needed: boolean): Promise<Kubeconfig | Cause | undefined> {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    if (!needed && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return {
      code: "TEAL-K101",
      message: `the kubeconfig ${path} cannot be read: ${text(error)}. Set KUBECONFIG, or kubernetes.kubeconfig.`,
    };
  }
  try {
    const { parse } = await import("yaml");
    const config = (parse(content) ?? {}) as Record<string, unknown>;
    const list = (key: string) => (Array.isArray(config[key]) ? (config[key] as Entry[]) : []);
    return {
      path,
      lists: { contexts: list("contexts"), clusters: list("clusters"), users: list("users") },
    };
  } catch {
    // The parser's message quotes the line, and with it perhaps a token.
    return { code: "TEAL-K101", message: `the kubeconfig ${path} is not YAML. Correct it.` };
  }
}

function find(
  files: readonly Kubeconfig[],
  list: keyof Kubeconfig["lists"],
  name: string,
): { readonly entry: Entry; readonly path: string } | undefined {
  for (const { path, lists } of files) {
    const entry = lists[list].find((each) => each?.name === name);
    if (entry !== undefined) return { entry, path };
  }
  return undefined;
}

/** A token in a file may be renewed at any time: it is read by the authenticator for such files, not once for all. */
function withTokenFile(entry: Entry, path: string): Entry {
  const user = entry["user"] as Record<string, unknown> | undefined;
  const file = user?.["tokenFile"];
  if (typeof file !== "string") return entry;
  const { tokenFile: _, token: __, ...rest } = user ?? {};
  const config = { tokenFile: absolute(file, path) };
  return { ...entry, user: { ...rest, "auth-provider": { name: "tokenFile", config } } };
}

function withPaths<T extends object>(entry: T, keys: readonly (keyof T)[], path: string): T {
  const changed = keys.flatMap((key) => {
    const value = entry[key];
    return typeof value === "string" ? [[key, absolute(value, path)] as const] : [];
  });
  return { ...entry, ...Object.fromEntries(changed) };
}

/** A command with a slash lies beside the kubeconfig; any other is looked up in PATH. */
function withCommand(user: User, path: string | undefined): User {
  const exec = user.exec as { readonly command?: unknown } | undefined;
  if (path === undefined || typeof exec?.command !== "string" || !exec.command.includes("/")) return user;
  return { ...user, exec: { ...exec, command: absolute(exec.command, path) } };
}

function absolute(path: string, kubeconfig: string): string {
  return isAbsolute(path) ? path : join(dirname(kubeconfig), path);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function text(error: unknown): string {
  return excerpt(redact(error instanceof Error ? error.message : String(error)), 300);
}

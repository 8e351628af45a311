import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import https from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Json } from "./kubelet/client.ts";
import { API, DELAY_PATH, KUBELET_PORT, programsFolder } from "./place.ts";

/** A real control plane, and nodes whose pods are processes of this machine. README.md says what is real. */
export interface Cluster {
  /** Path of a file; context `teal-test`, a user who may do everything. */
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  /** The real kubectl, as that user; throws with what it wrote to standard error. */
  kubectl(...args: string[]): Promise<string>;
  /** `kubectl apply` of whole objects, which need no namespace of their own. */
  apply(namespace: string, ...objects: readonly object[]): Promise<void>;
  /** Objects as they are now, by `kubectl get`: `get(namespace, "pods", "-l", "app=shop")`. */
  get(namespace: string, ...what: string[]): Promise<Json>;
  /** A fresh namespace, ready for pods. */
  namespace(prefix?: string): Promise<string>;
  /** Deletes all of them that are there, without waiting for it. */
  deleteNamespaces(): Promise<void>;
  /** The kubeconfig's path of a new account that has exactly a Role of these rules. */
  serviceAccount(namespace: string, rules: readonly object[]): Promise<string>;
  /**
   * The command line that runs a program where users are: a network of its own, whose connections to the service range
   * take the nodes in turn; or on one node, as a process of the node itself.
   */
  asClient(command: readonly string[], node?: string): string[];
  /** Milliseconds by which each node's kube-proxy sees every change late; 0 for nodes that are not mentioned. */
  delayNodes(delays: readonly number[]): Promise<void>;
  /** Ends everything. Of the shared cluster: deletes the namespaces that were taken. */
  stop(): Promise<void>;
}

/** What another process needs to know to use a cluster. */
export interface Described {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly ca: string;
  readonly nodes: readonly DescribedNode[];
  /** Process that holds the users' network. */
  readonly users: number;
}

export interface DescribedNode {
  readonly name: string;
  readonly address: string;
  /** Process that holds the node's network. */
  readonly pid: number;
}

/** On every namespace that a test took. */
const TAKEN = { "teal.dev/test": "yes" };
const KUBECTL_MS = 60_000;

export function connect(described: Described, stop: () => Promise<void>): Cluster {
  const { folder, kubeconfig, nodes } = described;

  const kubectl = (...args: string[]): Promise<string> => withInput("", ...args);
  const withInput = async (input: string, ...args: string[]): Promise<string> => {
    const program = join(programsFolder(), "kubectl");
    const options = {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      timeout: KUBECTL_MS,
      maxBuffer: 64 << 20,
    };
    try {
      const running = promisify(execFile)(program, args, options);
      running.child.stdin?.end(input);
      return (await running).stdout;
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      throw new Error(`kubectl ${args.join(" ")}: ${stderr?.trim() || message}`, { cause: error });
    }
  };

  const apply = async (where: string, ...items: readonly object[]): Promise<void> => {
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    await withInput(list, "apply", "-n", where, "-f", "-");
  };

  const get = async (where: string, ...what: string[]): Promise<Json> =>
    JSON.parse(await kubectl("get", "-n", where, "-o", "json", ...what));

  const namespace = async (prefix = "test"): Promise<string> => {
    const name = `${prefix}-${randomBytes(4).toString("hex")}`;
    await apply("default", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: TAKEN } });
    // Pods are refused until the controller has made it.
    await kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s");
    return name;
  };

  const deleteNamespaces = async (): Promise<void> => {
    const selector = Object.entries(TAKEN).map(([key, value]) => `${key}=${value}`);
    await kubectl("delete", "namespaces", "--selector", selector.join(), "--wait=false");
  };

  const serviceAccount = async (where: string, rules: readonly object[]): Promise<string> => {
    const name = `account-${randomBytes(4).toString("hex")}`;
    const role = JSON.stringify(rules);
    await kubectl("create", "serviceaccount", name, "-n", where);
    await kubectl("create", "role", name, "-n", where, "--verb=get", "--resource=pods");
    await kubectl("patch", "role", name, "-n", where, "--type=merge", "-p", `{"rules":${role}}`);
    await kubectl(
      "create",
      "rolebinding",
      name,
      "-n",
      where,
      `--role=${name}`,
      `--serviceaccount=${where}:${name}`,
    );
    const token = (await kubectl("create", "token", name, "-n", where)).trim();
    const path = join(folder, `${name}.kubeconfig`);
    const server = `https://127.0.0.1:${API.port}`;
    writeKubeconfig(path, { server, ca: described.ca, token, user: name, namespace: where });
    return path;
  };

  const asClient = (command: readonly string[], node?: string): string[] => {
    const found = nodes.find(({ name }) => name === node);
    if (node !== undefined && found === undefined) throw new Error(`no node ${node} in this cluster`);
    return ["nsenter", "--target", String(found?.pid ?? described.users), "--net", "--", ...command];
  };

  const delayNodes = async (delays: readonly number[]): Promise<void> => {
    await Promise.all(nodes.map(({ address }, at) => setDelay(address, delays[at] ?? 0)));
  };

  return {
    kubeconfig,
    nodes: nodes.map(({ name }) => name),
    kubectl,
    apply,
    get,
    namespace,
    deleteNamespaces,
    serviceAccount,
    asClient,
    delayNodes,
    stop,
  };
}

/** Tells a node's kubelet how late its kube-proxy hears of changes. */
async function setDelay(address: string, ms: number): Promise<void> {
  const url = `https://${address}:${KUBELET_PORT}${DELAY_PATH}?ms=${ms}`;
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { method: "POST", rejectUnauthorized: false, agent: false, timeout: 10_000 };
    const request = https.request(url, options, (response) => resolve(response.resume().statusCode));
    request.once("timeout", () => request.destroy(new Error(`${url}: no answer`)));
    request.once("error", reject).end();
  });
  if (status !== 204) throw new Error(`${url}: ${status}`);
}

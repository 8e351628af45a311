import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Cluster } from "./cluster.ts";
import { writeKubeconfig } from "./control-plane.ts";
import { API, programsFolder } from "./place.ts";

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

const KUBECTL_MS = 60_000;

export function connect(described: Described, stop: () => Promise<void>): Cluster {
  const { folder, kubeconfig, nodes } = described;

  const kubectl = async (...args: string[]): Promise<string> => {
    const program = join(programsFolder(), "kubectl");
    const options = {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      timeout: KUBECTL_MS,
      maxBuffer: 64 << 20,
    };
    try {
      return (await promisify(execFile)(program, args, options)).stdout;
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      throw new Error(`kubectl ${args.join(" ")}: ${stderr?.trim() || message}`, { cause: error });
    }
  };

  const namespace = async (prefix = "test"): Promise<string> => {
    const name = `${prefix}-${randomBytes(4).toString("hex")}`;
    await kubectl("create", "namespace", name);
    // Pods are refused until the controller has made it.
    await kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s");
    return name;
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

  return {
    kubeconfig,
    nodes: nodes.map(({ name }) => name),
    kubectl,
    namespace,
    serviceAccount,
    asClient,
    delayNodes: () => Promise.reject(new Error("not there yet")),
    stop,
  };
}

import { execFile } from "node:child_process";
import http from "node:http";
import https from "node:https";
import { connect } from "node:net";
import type { Json } from "./client.ts";
import { pause } from "./context.ts";
import type { Sandbox } from "./sandbox.ts";

/** Undefined is success; else what was wrong, in the words of a real kubelet. */
type Result = string | undefined;

export type Kind = "Startup" | "Liveness" | "Readiness";

/**
 * Runs one probe until the signal aborts. `changed` is told of a success or failure once it lasted for the threshold,
 * `failed` of every failure.
 */
export async function runProbe(
  probe: Json,
  look: () => Promise<Result>,
  changed: (ok: boolean) => void,
  failed: (why: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let successes = 0;
  let failures = 0;
  if (!(await pause(1000 * (probe.initialDelaySeconds ?? 0), signal))) return;
  do {
    const why = await look();
    if (signal.aborted) return;
    successes = why === undefined ? successes + 1 : 0;
    failures = why === undefined ? 0 : failures + 1;
    if (why !== undefined) failed(why);
    if (successes >= (probe.successThreshold ?? 1)) changed(true);
    if (failures >= (probe.failureThreshold ?? 3)) changed(false);
  } while (await pause(1000 * (probe.periodSeconds ?? 10), signal));
}

/** One look of a probe at a container. */
export function look(probe: Json, container: Json, sandbox: Sandbox): Promise<Result> {
  const timeout = 1000 * (probe.timeoutSeconds ?? 1);
  if (probe.httpGet !== undefined) return httpGet(probe.httpGet, container, sandbox.address, timeout);
  if (probe.tcpSocket !== undefined) {
    return tcp(portOf(probe.tcpSocket.port, container), probe.tcpSocket.host ?? sandbox.address, timeout);
  }
  if (probe.exec !== undefined) return exec(probe.exec.command, sandbox, timeout);
  return Promise.resolve("the test kubelet knows httpGet, tcpSocket and exec only");
}

/** A port by number or by the name that the container gives it. */
export function portOf(port: number | string, container: Json): number {
  const named = container.ports?.find((each: Json) => each.name === port);
  return Number(named?.containerPort ?? port);
}

export function httpGet(get: Json, container: Json, address: string, timeout: number): Promise<Result> {
  const secure = get.scheme === "HTTPS";
  const given = (get.httpHeaders ?? []).map(({ name, value }: Json) => [name, value]);
  const options = {
    host: get.host ?? address,
    port: portOf(get.port, container),
    path: get.path ?? "/",
    headers: { "user-agent": "kube-probe/1.37", ...Object.fromEntries(given) },
    agent: false,
    signal: AbortSignal.timeout(timeout),
    rejectUnauthorized: false,
  };
  return new Promise((resolve) => {
    const request = (secure ? https : http).get(options, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.once("error", () => undefined);
      resolve(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`);
    });
    request.once("error", (error) => {
      const url = `${secure ? "https" : "http"}://${options.host}:${options.port}${options.path}`;
      resolve(`Get "${url}": ${error.name === "AbortError" ? "context deadline exceeded" : error.message}`);
    });
  });
}

function tcp(port: number, host: string, timeout: number): Promise<Result> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout });
    const end = (result: Result): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(undefined));
    socket.once("timeout", () => end(`dial tcp ${host}:${port}: i/o timeout`));
    socket.once("error", (error) => end(`dial tcp ${host}:${port}: ${error.message}`));
  });
}

export function exec(command: readonly string[], sandbox: Sandbox, timeout: number): Promise<Result> {
  const [program, ...args] = sandbox.within(command);
  return new Promise((resolve) => {
    execFile(program, args, { timeout, killSignal: "SIGKILL" }, (error, stdout, stderr) =>
      resolve(error === null ? undefined : `${stdout}${stderr}` || error.message),
    );
  });
}

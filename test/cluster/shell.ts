import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { startCluster } from "./cluster.ts";
import { programsFolder } from "./place.ts";

/** A cluster, and a shell or a command that uses it: `shell.ts [command...]`. NODES says how many (3). */

const began = performance.now();
const cluster = await startCluster({ gatewayCrds: true, nodes: Number(process.env["NODES"] ?? 3) });
const [program = process.env["SHELL"] ?? "sh", ...args] = process.argv.slice(2);
console.error(
  `cluster of ${cluster.nodes.length} nodes, up in ${Math.round(performance.now() - began)} ms; kubectl is in the PATH`,
);
const child = spawn(program, args, {
  stdio: "inherit",
  env: {
    ...process.env,
    KUBECONFIG: cluster.kubeconfig,
    PATH: `${programsFolder()}${delimiter}${process.env["PATH"] ?? ""}`,
  },
});
const status = await new Promise<number>((resolve) => {
  child.once("error", (error) => {
    console.error(`${program}: ${error.message}`);
    resolve(127);
  });
  child.once("exit", (code) => resolve(code ?? 1));
});
await cluster.stop();
process.exit(status);

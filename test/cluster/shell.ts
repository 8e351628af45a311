import { spawn } from "node:child_process";
import { startCluster } from "./cluster.ts";
import { environmentFor } from "./commands.ts";
import { startGateway } from "./gateway/start.ts";

/** A cluster, and a shell or a command that uses it: `shell.ts [command...]`. NODES says how many (3). */

const began = performance.now();
const cluster = await startCluster({ gatewayCrds: true, nodes: Number(process.env["NODES"] ?? 3) });
const gateway = await startGateway(cluster);
const [program = process.env["SHELL"] ?? "sh", ...args] = process.argv.slice(2);
console.error(
  `cluster of ${cluster.nodes.length} nodes, up in ${Math.round(performance.now() - began)} ms; kubectl, teal and as-user are in the PATH`,
);
const child = spawn(program, args, { stdio: "inherit", env: environmentFor(cluster) });
const status = await new Promise<number>((resolve) => {
  child.once("error", (error) => {
    console.error(`${program}: ${error.message}`);
    resolve(127);
  });
  child.once("exit", (code) => resolve(code ?? 1));
});
await gateway.stop();
await cluster.stop();
process.exit(status);

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listens, until } from "../test/e2e/processes.ts";

/** Something that forwards to one upstream, or why it is not here. */
export type Proxy =
  | {
      readonly is: "running";
      readonly url: string;
      readonly pid: number;
      readonly version: string;
      stop(): Promise<void>;
    }
  | { readonly is: "skipped"; readonly because: string };

interface Kind {
  readonly version: readonly string[];
  readonly config: (listen: number, upstream: string) => string;
  readonly args: (file: string) => readonly string[];
}

/** Each with one thread's worth of work for one process, connections to the upstream kept, and nothing logged. */
const KINDS = {
  haproxy: {
    version: ["-v"],
    config: (listen, upstream) => `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend public
  bind 127.0.0.1:${listen}
  default_backend slot
backend slot
  server one ${upstream}
`,
    args: (file) => ["-db", "-f", file],
  },
  caddy: {
    version: ["version"],
    config: (listen, upstream) => `{
  admin off
  auto_https off
}
http://127.0.0.1:${listen} {
  reverse_proxy ${upstream}
}
`,
    args: (file) => ["run", "--adapter", "caddyfile", "--config", file],
  },
} as const satisfies Readonly<Record<string, Kind>>;

/** @param upstream `host:port` */
export async function startProxy(name: keyof typeof KINDS, upstream: string): Promise<Proxy> {
  const { version, config, args }: Kind = KINDS[name];
  const asked = spawnSync(name, version, { encoding: "utf8" });
  if (asked.error !== undefined) return { is: "skipped", because: `${name} is not installed` };
  const folder = mkdtempSync(join(tmpdir(), "teal-bench-"));
  const port = await freePort();
  const file = join(folder, "config");
  writeFileSync(file, config(port, upstream));
  const child = spawn(name, args(file), {
    stdio: "ignore",
    env: { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const stop = async () => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await until(`${name} to listen`, () => listens(url));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    is: "running",
    url,
    pid: child.pid ?? 0,
    version: /\d+\.\d+\.\d+/.exec(asked.stdout)?.[0] ?? "unknown",
    stop,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

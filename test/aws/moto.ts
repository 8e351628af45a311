import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A server of moto, an independent implementation of parts of AWS, with nothing in it but what every account has. */
export interface Moto {
  readonly endpoint: string;
  /** Environment variables for the SDK; moto takes any credentials. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The Python with moto and botocore, of which run.ts tells. */
export function pythonProgram(): string {
  const program = process.env["TEAL_TEST_AWS"];
  if (program === undefined) throw new Error("moto and botocore are there only in: npm run test:aws");
  return program;
}

export async function startMoto(): Promise<Moto> {
  const child = spawn(pythonProgram(), [join(import.meta.dirname, "moto_server.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const port = await Promise.race([
    once(createInterface({ input: child.stdout }), "line").then(([line]) => String(line)),
    ended.then(([status]) => {
      throw new Error(`moto ended with ${status} before it listened; what it says stands above`);
    }),
  ]);
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "of-moto",
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

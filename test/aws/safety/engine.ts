/**
 * A process that moves deployments of the simulated account: `engine.ts '<Errand as JSON>'`. AWS is what its environment
 * says. The last line of its output is an `Ended`.
 */
import { connectAws } from "../../../src/api/aws.ts";
import { deploy, type Moved } from "../../../src/api/deploying.ts";
import { abort, resume, rollback } from "../../../src/api/steering.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { millis } from "../../../src/core/units.ts";
import { outcomeOf, tell } from "../../e2e/support.ts";

/** What the process is to do. */
export interface Errand {
  /** Folder of teal.yaml. */
  readonly folder: string;
  readonly stateDir: string;
  /** Seconds of the account's world per second. */
  readonly speed: number;
  readonly does:
    | { readonly is: "deploy"; readonly revision: string; readonly retryReverted?: boolean }
    | { readonly is: "resume"; readonly acceptDrift?: boolean }
    | { readonly is: "rollback" | "abort" };
  /** Another machine than this one, for whoever looks at the lease. */
  readonly machine?: string;
  /** How long (ms) to wait for somebody else's lease. */
  readonly waitLock?: number;
}

export interface Ended {
  readonly outcome: string;
  /** The outcome with its cause. */
  readonly told: string;
}

async function run(): Promise<Ended> {
  const errand = JSON.parse(process.argv[2] ?? "{}") as Errand;
  const { folder, stateDir, speed, machine } = errand;
  const loaded = await loadConfig({ env: process.env, cwd: folder });
  if (loaded.is === "invalid") throw new Error(JSON.stringify(loaded.problems));
  const connected = await connectAws(loaded.config, { stateDir, secrets: loaded.secrets }, { speed });
  if (connected.is === "refused") throw new Error(connected.cause.message);
  const { connection } = connected;
  const elsewhere = { ...connection.holder, host: machine ?? connection.holder.host };
  const holder = machine === undefined ? connection.holder : { ...elsewhere, boot: `boot of ${machine}` };
  try {
    const moved = await move({ ...connection, holder }, errand);
    return { outcome: outcomeOf(moved), told: tell(moved) };
  } finally {
    await connection.close();
  }
}

function move(connection: Parameters<typeof deploy>[0], { does, waitLock }: Errand): Promise<Moved> {
  const signal = new AbortController().signal;
  const options = { signal, ...(waitLock === undefined ? {} : { waitLock: millis(waitLock) }) };
  switch (does.is) {
    case "deploy":
      return deploy(connection, does, options);
    case "resume":
      return resume(connection, { ...options, acceptDrift: does.acceptDrift === true });
    case "rollback":
      return rollback(connection, options);
    case "abort":
      return abort(connection, options);
    default: {
      const never: never = does;
      return never;
    }
  }
}

console.log(JSON.stringify(await run()));
// Nothing of a finished command may keep its process.
process.exit(0);

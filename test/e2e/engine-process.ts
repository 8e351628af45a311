/**
 * A process that deploys and dies: `engine-process.ts <teal.yaml> <state directory> <what> <moment>`. It deploys the
 * revision `<what>`, or goes on with what is open (``), or goes back (`back`). The moment is
 * `<intent | outcome> <call>` or `verdict <step>`, after that event of the journal; or `effect <call>`, after the
 * target carried the call out and before anybody journaled it. The process kills itself there with SIGKILL; it ends with
 * exit code 9 when the moment never came.
 */
import { deploy } from "../../src/api/deploying.ts";
import { connect } from "../../src/api/connect.ts";
import { resume, rollback } from "../../src/api/steering.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { JournalEvent } from "../../src/core/journal.ts";

const [file = "", stateDir = "", does = "", moment = ""] = process.argv.slice(2);
const [kind, what] = moment.split(" ");
const calls = new Map<string, string>();

function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("SIGKILL was survived");
}

function tell(event: JournalEvent): void {
  if (event.kind === "intent") calls.set(event.intent, event.call.call);
  if (event.kind === "verdict" && kind === "verdict" && event.of === what) die();
  if (
    (event.kind === "intent" || event.kind === "outcome") &&
    kind === event.kind &&
    calls.get(event.intent) === what
  )
    die();
}

/** The same object, but for this process, which dies as soon as `method` was carried out. */
function dyingAfter<T extends object>(object: T, method: string): T {
  return new Proxy(object, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(member, target, args);
        return name === method ? die() : answer;
      };
    },
  });
}

const loaded = await loadConfig({ path: file, env: process.env, cwd: process.cwd() });
if (loaded.is === "invalid") throw new Error(JSON.stringify(loaded.problems));
const connected = await connect(loaded.config, { stateDir, notifier: { tell } });
if (connected.is === "refused") throw new Error(connected.cause.message);
const { connection } = connected;
const { target } = connection;
const dying =
  kind !== "effect" || what === undefined
    ? target
    : { ...target, router: dyingAfter(target.router, what), slots: dyingAfter(target.slots, what) };
const mortal = { ...connection, target: dying };
const options = { signal: new AbortController().signal };
if (does === "") await resume(mortal, options);
else if (does === "back") await rollback(mortal, options);
else await deploy(mortal, { revision: does }, options);
process.exit(9);

import { assertNever } from "../../core/units.ts";
import { endCaretaker } from "../background.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { serves } from "../finish.ts";
import { confirmed } from "../prompt.ts";
import type { LocalConnection } from "../../api/local.ts";
import { withSession, type Session } from "../session.ts";
import { flag, type Invocation } from "../spec.ts";

type Action = "start" | "stop" | "status" | "run";

interface LocalSession extends Session {
  readonly connection: LocalConnection;
}

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (given) => {
    if (!isLocal(given)) return noAgent(given);
    const session = given;
    // Only these pass the choices of the argument.
    const action = (invocation.argument ?? "status") as Action;
    switch (action) {
      case "status":
        return status(session);
      case "start":
        return start(session);
      case "stop":
        return flag(invocation, "all") ? stopAll(session) : stop(session);
      case "run":
        return foreground(session);
      default:
        return assertNever(action);
    }
  });
}

function isLocal(session: Session): session is LocalSession {
  return session.connection.target.kind === "local";
}

/** Where something else looks after the replicas. */
function noAgent({ connection, out, suffix, invocation }: Session): ExitCode {
  const who =
    connection.target.kind === "aws"
      ? "Auto Scaling looks after the instances"
      : "the cluster itself looks after the pods";
  const message = `there is no agent for ${connection.target.place}: ${who}`;
  const cause = { code: "TEAL-K610", message };
  out.problem(cause, { exit: EXIT.usage, next: `teal status${suffix}` });
  return out.result({ command: invocation.command, exit: EXIT.usage, is: "refused", cause });
}

async function status({ connection, out }: LocalSession): Promise<ExitCode> {
  const { agentHello } = await import("../../targets/local/agent/start.ts");
  const { layout } = connection.target;
  const hello = await agentHello(layout);
  out.text(
    hello === undefined
      ? [`No agent runs. Any command that needs one starts it. Its log: ${layout.agentLog}`]
      : [
          `Agent ${hello.version} runs, pid ${hello.pid}. Its log: ${layout.agentLog}`,
          ...(hello.edgeFault === undefined
            ? []
            : [`The edge: ${hello.edgeFault.message} (${hello.edgeFault.code})`]),
        ],
  );
  return out.result({ command: "agent", exit: EXIT.done, running: hello !== undefined, ...hello });
}

async function start({ connection, out, suffix }: LocalSession): Promise<ExitCode> {
  const { ensureAgent } = await import("../../targets/local/agent/start.ts");
  const { layout, serviceFile } = connection.target;
  const ensured = await ensureAgent(layout, serviceFile);
  if (ensured.is === "failed") {
    const { code, message, evidence } = ensured;
    out.problem({ code, message, evidence }, { exit: EXIT.human, next: `teal agent status${suffix}` });
    return out.result({
      command: "agent",
      exit: EXIT.human,
      is: "failed",
      cause: { code, message, evidence },
    });
  }
  out.text([
    `Agent ${ensured.hello.version} ${ensured.is === "running" ? "runs already" : ensured.is}, pid ${ensured.hello.pid}.`,
  ]);
  return out.result({ command: "agent", exit: EXIT.done, is: ensured.is, ...ensured.hello });
}

async function stop(session: LocalSession): Promise<ExitCode> {
  const { stopAgent } = await import("../../targets/local/agent/start.ts");
  await stopAgent(session.connection.target.layout);
  const serving = await edgeServes(session);
  session.out.text([`The agent is stopped; replicas and edge go on without it. ${serving}`]);
  return session.out.result({ command: "agent", exit: EXIT.done, is: "stopped" });
}

/** Asked of the record alone: looking through the agent would start it again. */
async function edgeServes({ connection }: LocalSession): Promise<string> {
  const address = await connection.target.address();
  return address === undefined ? "No edge runs." : `The edge answers at ${address}.`;
}

async function stopAll(session: LocalSession): Promise<ExitCode> {
  const { connection, out, invocation } = session;
  const before = await serves(session);
  const answer = await confirmed(
    `${before} Stop the replicas of both slots, the edge and the agent? Nobody serves then.`,
    invocation.globals.yes,
  );
  if (answer !== "yes") {
    const message =
      answer === "no"
        ? "not confirmed; nothing was changed"
        : "stopping everything has to be confirmed, and there is no terminal to ask at";
    const cause = { code: "TEAL-X011", message };
    out.problem(cause, { exit: EXIT.usage, serves: before, next: "teal agent stop --all --yes" });
    return out.result({ command: "agent", exit: EXIT.usage, is: "refused", cause });
  }
  endCaretaker(session);
  await connection.target.stop();
  out.text([`Everything of ${connection.key.service} is stopped. Releases, logs and the journal stay.`]);
  return out.result({ command: "agent", exit: EXIT.done, is: "stopped", everything: true });
}

/** In the foreground, for systemd and the like: until it is told to stop. */
async function foreground({ connection, out }: LocalSession): Promise<ExitCode> {
  const [{ runAgent }, { writeDurably }, { mkdirSync }] = await Promise.all([
    import("../../targets/local/agent/run.ts"),
    import("../../targets/local/files.ts"),
    import("node:fs"),
  ]);
  const { layout, serviceFile } = connection.target;
  mkdirSync(layout.root, { recursive: true, mode: 0o700 });
  writeDurably(layout.serviceFile, `${JSON.stringify(serviceFile, null, 2)}\n`);
  const ran = await runAgent(layout, (line) => out.note(line));
  if (ran === "stopped") return out.result({ command: "agent", exit: EXIT.done, is: "stopped" });
  const cause = { code: "TEAL-X014", message: "another agent of this service runs already" };
  out.problem(cause, { exit: EXIT.busy, next: "teal agent stop, then start it again" });
  return out.result({ command: "agent", exit: EXIT.busy, is: "busy", cause });
}

import { statusOf, type Status } from "../../api/status.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { summary } from "../finish.ts";
import { Screen } from "../screen.ts";
import { withSession, type Session } from "../session.ts";
import { flag, type Invocation } from "../spec.ts";
import { statusLines } from "../view/status.ts";
import { formatUntil } from "../times.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) =>
    flag(invocation, "watch") ? watchOne(session) : showStatus(session),
  );
}

async function showStatus(session: Session): Promise<ExitCode> {
  const { connection, out, suffix } = session;
  const [status, previews] = await Promise.all([
    statusOf(connection, new AbortController().signal),
    addresses(session),
  ]);
  const now = connection.clock.now();
  out.text(statusLines(status, { suffix, now, clock: (at) => formatUntil(at, now), ...previews }));
  // Whoever asks by a script must not take "could not be seen" for well.
  const exit = status.serves.slot === "unknown" ? EXIT.human : EXIT.done;
  return out.result({ command: "status", exit, ...statusResult(status), ...previews });
}

async function addresses({
  connection,
}: Session): Promise<{ readonly address?: string; readonly preview?: string }> {
  const { target } = connection;
  const [address, blue, green] = await Promise.all([
    target.address(),
    target.preview("blue"),
    target.preview("green"),
  ]);
  const preview = blue ?? green;
  return { ...(address === undefined ? {} : { address }), ...(preview === undefined ? {} : { preview }) };
}

function statusResult({ open, last, ...status }: Status) {
  const shown =
    open === undefined
      ? {}
      : {
          open: {
            ...summary(open.deployment, open.number),
            state: open.deployment.state,
            allowed: open.allowed,
            ...(open.holder === undefined ? {} : { holder: open.holder }),
            ...(open.overdue === undefined ? {} : { overdue: open.overdue }),
          },
        };
  return { ...status, ...shown, ...(last === undefined ? {} : { last }) };
}

/** Follows until the deployment is over or warm; Ctrl-C ends the watching only. */
async function watchOne(session: Session): Promise<ExitCode> {
  const { out } = session;
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const screen = new Screen(session);
  await screen.start();
  const { timeout } = session.invocation.globals;
  const signal =
    timeout === undefined ? ended.signal : AbortSignal.any([ended.signal, AbortSignal.timeout(timeout)]);
  await screen.rest(signal);
  await screen.finish();
  process.off("SIGINT", end).off("SIGTERM", end);
  if (signal.aborted) return out.result({ command: "status", exit: EXIT.interrupted, is: "interrupted" });
  return showStatus(session);
}

import { findingInWords } from "../../api/preflight.ts";
import { statusOf, type Status } from "../../api/status.ts";
import type { Slot } from "../../core/units.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { summary } from "../finish.ts";
import { Screen } from "../screen.ts";
import { withSession, type Session } from "../session.ts";
import { flag, type Invocation } from "../spec.ts";
import { statusLines } from "../view/status.ts";
import { printable } from "../view/width.ts";
import { formatUntil } from "../times.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) =>
    flag(invocation, "watch") ? watchOne(session) : showStatus(session),
  );
}

async function showStatus(session: Session): Promise<ExitCode> {
  const { connection, out, suffix } = session;
  const [status, seen, reverted] = await Promise.all([
    statusOf(connection, new AbortController().signal),
    addresses(session),
    connection.target.kind === "kubernetes"
      ? connection.target.reverted(AbortSignal.timeout(ASIDE))
      : undefined,
  ]);
  const { address, previews } = seen;
  const preview = previews[idleSlot(status)] ?? previews.blue ?? previews.green;
  const shown = {
    ...(address === undefined ? {} : { address }),
    ...(preview === undefined ? {} : { preview }),
  };
  const now = connection.clock.now();
  out.text(statusLines(status, { suffix, now, clock: (at) => formatUntil(at, now), ...shown }));
  if (reverted !== undefined) out.text([printable(findingInWords(reverted))]);
  // Whoever asks by a script must not take "could not be seen" for well.
  const exit = status.serves.slot === "unknown" ? EXIT.human : EXIT.done;
  return out.result({
    command: "status",
    exit,
    ...statusResult(status),
    ...shown,
    ...(reverted && { reverted }),
  });
}

/** Longest time (ms) that addresses are waited for; without them the status is as true. */
const ASIDE = 5_000;

async function addresses({ connection: { target } }: Session) {
  const [address, blue, green] = await Promise.all([
    target.address(AbortSignal.timeout(ASIDE)),
    target.preview("blue"),
    target.preview("green"),
  ]);
  return { address, previews: { blue, green } };
}

/** The slot without traffic, or with less of it. */
function idleSlot({ observed: { routing } }: Status): Slot {
  if (routing.is === "unreadable" || routing.value.weights === "pool") return "green";
  return routing.value.weights.blue < routing.value.weights.green ? "blue" : "green";
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

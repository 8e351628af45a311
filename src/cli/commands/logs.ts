import { join } from "node:path";
import type { KubernetesConnection } from "../../api/kubernetes.ts";
import type { LocalConnection } from "../../api/local.ts";
import { observeNow } from "../../api/planning.ts";
import { fold } from "../../core/deployment.ts";
import { millis, sameRevision, SLOTS, type Cause, type Revision, type Slot } from "../../core/units.ts";
import { releaseName } from "../../targets/local/release-folder.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { PodLogs } from "../pod-logs.ts";
import { FolderLogs, type LogLine, type LogReader } from "../replica-logs.ts";
import { withSession, type Session } from "../session.ts";
import { count, flag, text, type Invocation } from "../spec.ts";
import { printable } from "../view/width.ts";

const DEFAULT_LINES = 50;
/** How often a followed log is looked at, in ms; a look at pods is a request for each. */
const LOOK = { local: 250, kubernetes: 1_000 } as const;
/** What a line of an error looks like, whatever wrote it. */
const ERROR = /\b(?:error|exception|fatal|panic|uncaught|unhandled|refused|timed? ?out|5\d\d)\b/iu;

interface Source {
  readonly revision: Revision;
  readonly slot?: Slot;
  /** Nothing before it: a revision may have run here earlier. */
  readonly since?: string;
}

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { target } = session.connection;
    if (target.kind === "aws") return elsewhere(session);
    const sources = await sourcesOf(session, invocation.argument);
    if ("code" in sources) return unseen(session, sources);
    const slot = text(invocation, "slot");
    const chosen = sources.filter(
      (source) => slot === undefined || source.slot === undefined || source.slot === slot,
    );
    if (chosen.length === 0) return nothing(session, invocation.argument);
    const wanted = (line: LogLine) =>
      !flag(invocation, "errors") || line.source === "err" || ERROR.test(line.text);
    const readers = chosen.map((source) => ({ ...source, logs: readerOf(target, source, slot) }));
    // Before the last lines are read, so that none falls between them and what is followed.
    await Promise.all(readers.map(({ logs }) => logs.look()));
    for (const { logs, since } of readers) {
      const recent = (line: LogLine) => wanted(line) && (since === undefined || line.at >= since);
      print(session, await logs.last(count(invocation, "lines") ?? DEFAULT_LINES, recent));
    }
    const followed = readers.map(({ logs }) => logs);
    if (flag(invocation, "follow")) await follow(session, followed, wanted, LOOK[target.kind]);
    return session.out.result({ command: "logs", exit: EXIT.done });
  });
}

async function follow(
  session: Session,
  followers: readonly LogReader[],
  wanted: (line: LogLine) => boolean,
  every: number,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const { timeout } = session.invocation.globals;
  const timer = timeout === undefined ? undefined : setTimeout(end, timeout);
  while (!ended.signal.aborted) {
    for (const follower of followers) print(session, (await follower.look()).filter(wanted));
    await session.connection.clock.sleep(millis(every), ended.signal);
  }
  clearTimeout(timer);
}

function print({ out }: Session, lines: readonly LogLine[]): void {
  for (const { replica, at, source, text: written } of lines) {
    if (out.json) out.data({ type: "log", replica, at, source, text: written });
    else out.text([`${at.slice(11, 23)} ${replica.padEnd(8)} ${printable(written)}`]);
  }
}

function readerOf(
  target: (LocalConnection | KubernetesConnection)["target"],
  source: Source,
  wanted: string | undefined,
): LogReader {
  const slot = source.slot ?? (wanted as Slot | undefined);
  return target.kind === "local"
    ? new FolderLogs(join(target.layout.logs, releaseName(source.revision)), slot)
    : new PodLogs(target, slot, source.revision.id);
}

/** Whose logs are meant: a deployment (`r42`), a revision, or what runs now. */
async function sourcesOf(session: Session, name: string | undefined): Promise<readonly Source[] | Cause> {
  const { connection } = session;
  if (name === undefined) {
    const observed = await observeNow(connection, new AbortController().signal);
    const [unreadable] = SLOTS.flatMap((slot) => observed.slots[slot]).filter(
      ({ is }) => is === "unreadable",
    );
    if (unreadable?.is === "unreadable") return unreadable.cause;
    return SLOTS.flatMap((slot) => {
      const seen = observed.slots[slot];
      return seen.is === "seen" && seen.value.revision !== undefined
        ? [{ revision: seen.value.revision, slot }]
        : [];
    });
  }
  const known = await deployments(session);
  if ("code" in known) return known;
  const [, number] = /^r(\d+)$/u.exec(name) ?? [];
  const one = known.find((each) => each.number === Number(number));
  if (number !== undefined && one !== undefined)
    return [{ revision: one.revision, slot: one.slot, since: new Date(one.opened).toISOString() }];
  const revisions = known.filter((each) => each.revision.id === name).map((each) => each.revision);
  const different = revisions.filter(
    (each, index) => revisions.findIndex((other) => sameRevision(each, other)) === index,
  );
  return different.map((revision) => ({ revision }));
}

interface Known {
  readonly number: number;
  readonly revision: Revision;
  readonly slot: Slot;
  readonly opened: number;
}

async function deployments({ connection }: Session): Promise<readonly Known[] | Cause> {
  const { store, key } = connection;
  const [current, history] = await Promise.all([store.current(key), store.history(key, 50)]);
  if (history.is === "unavailable") return history.cause;
  const open =
    current.is === "open"
      ? [current].map(({ journal, number }) => ({ number, deployment: fold(journal.events) }))
      : [];
  const { rows } = history;
  return [
    ...open.map(({ number, deployment: { plan, opened } }) => ({ number, opened, ...plan.candidate })),
    ...rows.map(({ number, revision, config, slot, opened }) => ({
      number,
      opened,
      slot,
      revision: { id: revision, config },
    })),
  ];
}

/** Instances write where their image sends it: nothing on AWS reads it for everybody. */
function elsewhere({ out, suffix, invocation }: Session): ExitCode {
  const message =
    "the logs of instances are where their image sends them (CloudWatch Logs, the system's journal)";
  const cause = { code: "TEAL-X021", message };
  const next = `aws ec2 get-console-output --instance-id ID; teal status --verbose${suffix} names the instances`;
  out.problem(cause, { exit: EXIT.usage, next });
  return out.result({ command: invocation.command, exit: EXIT.usage, is: "refused", cause });
}

function unseen({ out, suffix }: Session, cause: Cause): ExitCode {
  out.problem(cause, { exit: EXIT.human, next: `teal status${suffix}` });
  return out.result({ command: "logs", exit: EXIT.human, is: "failed", cause });
}

function nothing({ out, suffix }: Session, name: string | undefined): ExitCode {
  const message =
    name === undefined
      ? "nothing runs here, so there is nothing that writes logs"
      : `no deployment here is or had ${name}`;
  const cause = { code: "TEAL-X013", message };
  out.problem(cause, { exit: EXIT.refused, next: `teal history${suffix}` });
  return out.result({ command: "logs", exit: EXIT.refused, is: "refused", cause });
}

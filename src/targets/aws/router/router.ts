import { soleSlot, type Shares, type Weights } from "../../../core/routing.ts";
import type { Routing } from "../../../core/observed.ts";
import type { Cause } from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import { notDone, notWritten } from "../api/answers.ts";
import { createFence, overtaken, type AwsFence, type Tags } from "../fence.ts";
import type { FoundRouting } from "../found.ts";
import type { Look } from "../look.ts";
import type { AwsSettings } from "../settings.ts";
import { fulfilled, rewritten } from "./actions.ts";
import { callOf, LATE } from "./calls.ts";
import { createCounters } from "./counters.ts";
import { POLLED, RuleReader } from "./reading.ts";
import { createResidual } from "./residual.ts";
import { createSampler, type SamplingParts } from "./sampling.ts";
import { heldFor, STICKY_TAG, stickinessFor } from "./stickiness.ts";
import { groupsOf, type RoutingView, type RuleView } from "./view.ts";
import { inexact, neverRead, possible } from "./words.ts";
import { type Change, writeAll } from "./writing.ts";

export interface AwsRouterParts extends SamplingParts {
  /** Shared with the slots of the same service. */
  readonly fence?: AwsFence;
  /** The poller of the target: what is observed comes from it, what is written is compared with a read of its own. */
  readonly look?: Look;
  /** Wall clock, ms since 1970: by it CloudWatch counts. */
  readonly now?: () => number;
}

export interface AwsRouter extends TrafficRouter {
  /**
   * Lets every rule name both target groups, the missing one at weight 0, which changes nothing for users: a target
   * group that no rule names is not health checked.
   */
  complete(by: By): Promise<Write<Routing>>;
}

/** A read before a write that goes back may take so long (ms) at most: then what was last seen has to do. */
const READ_BEFORE_BACK = 1_500;

/**
 * Weights of two target groups in the forward action of every rule of the service; one call for each rule. AWS has no
 * compare-and-set, so that fencing is `checked`: read, compare, write, read back.
 */
export function createAwsRouter(
  api: AwsApi,
  settings: AwsSettings,
  found: (signal: AbortSignal) => Promise<FoundRouting | Cause>,
  parts: AwsRouterParts = {},
): AwsRouter {
  const { fence = createFence(api), look, now = Date.now } = parts;
  const reader = new RuleReader(api, settings, found);
  const counters = createCounters(api);
  const inTurn = createQueue();

  async function claim(by: By) {
    const known = await reader.found(by.signal);
    return "code" in known ? ({ is: "rejected", cause: known } as const) : fence.claim(groupsOf(known), by);
  }

  async function shift(to: Weights, expect: Expect, by: By): Promise<Write<Routing>> {
    const shares = possible(to);
    if ("code" in shares) return { is: "rejected", cause: shares };
    const before = await lookFirst(expect, by);
    if (!("view" in before)) return before;
    const { view, tags, blind } = before;
    if (expect !== "any" && expect !== view.version) return { is: "conflict", seen: view.routing };
    const remembered = rememberedIn(tags, view);
    const changes = changesFor(view, shares, remembered, blind);
    if ("code" in changes) return { is: "rejected", cause: changes };
    if (changes.length === 0) return { is: "unchanged", seen: view.routing };
    const note = noteOf(view, shares, remembered);
    // Going back nothing comes before the traffic.
    const back = by.back === true || expect === "any";
    if (!back) {
      if (tags !== undefined) await fence.renew(view.groups, tags, by);
      const failed = note === undefined ? undefined : await remember(view, note, by);
      if (failed !== undefined) return failed;
    }
    const wrote = await write(view, changes, by);
    if (back && note !== undefined) await remember(view, note, by);
    if (back && tags !== undefined) await fence.renew(view.groups, tags, by);
    return wrote;
  }

  async function complete(by: By): Promise<Write<Routing>> {
    const before = await lookFirst("now", by);
    if (!("view" in before)) return before;
    const { view } = before;
    const changes: Change[] = [];
    for (const rule of view.rules.filter(({ division }) => !division.complete)) {
      const next = rewritten(rule.actions, { to: rule.division.shares }, view.groups);
      if (next.is !== "actions")
        return { is: "rejected", cause: inexact(rule.found.name, rule.division.shares) };
      changes.push({ rule, actions: next.actions });
    }
    return changes.length === 0 ? { is: "unchanged", seen: view.routing } : write(view, changes, by);
  }

  /** What is there, if this fence may write at all. Going back does without either where it cannot be read. */
  async function lookFirst(
    expect: Expect | "now",
    by: By,
  ): Promise<{ view: RoutingView; tags: Tags | undefined; blind: boolean } | Write<never>> {
    const call = callOf(by, "switch");
    if (call === undefined) return notDone(LATE);
    const hurried: CallBy =
      expect === "any"
        ? { ...call, signal: AbortSignal.any([call.signal, AbortSignal.timeout(READ_BEFORE_BACK)]) }
        : call;
    const known = await reader.found(hurried.signal);
    if ("code" in known) return { is: "rejected", cause: neverRead(known) };
    const [read, tags] = await Promise.all([reader.read(hurried), fence.read(groupsOf(known), hurried)]);
    const fenced = "code" in tags ? undefined : overtaken(tags, by);
    if (fenced !== undefined) return fenced;
    if (by.signal.aborted) return notDone(LATE);
    if (expect !== "any") {
      if (read.is === "unreadable") return notDone(read.cause);
      if ("code" in tags) return notDone(tags);
    }
    const view = read.is === "seen" ? read.view : reader.last();
    if (view === undefined)
      return { is: "rejected", cause: neverRead(read.is === "seen" ? LATE : read.cause) };
    return { view, tags: "code" in tags ? undefined : tags, blind: read.is !== "seen" };
  }

  function changesFor(
    view: RoutingView,
    to: Shares,
    remembered: number | undefined,
    blind: boolean,
  ): readonly Change[] | Cause {
    const changes: Change[] = [];
    for (const rule of view.rules) {
      // What was last seen may be long ago: it tells what else the rule does, not where its traffic goes.
      if (!blind && fulfilled(rule.actions, to, view.groups)) continue;
      const how = { sticky: settings.sticky, remembered };
      const stickiness = stickinessFor(to, rule.division.stickiness, how);
      const plain = rewritten(rule.actions, { to }, view.groups);
      if (plain.is !== "actions") return inexact(rule.found.name, to);
      if (stickiness === undefined) {
        changes.push({ rule, actions: plain.actions });
        continue;
      }
      const next = rewritten(rule.actions, { to, stickiness }, view.groups);
      if (next.is !== "actions") return inexact(rule.found.name, to);
      changes.push({ rule, actions: next.actions, otherwise: plain.actions });
    }
    return changes;
  }

  async function write(view: RoutingView, changes: readonly Change[], by: By): Promise<Write<Routing>> {
    const wrote = await writeAll(api, changes, by);
    look?.forget(POLLED);
    if (wrote.is !== "done") return wrote;
    const written = new Map<RuleView, RuleView>();
    for (const [rule, actions] of wrote.actions) written.set(rule, reader.after(view, rule, actions));
    const after = reader.wrote(view, written);
    const call = callOf(by, "switch");
    const back = call === undefined ? undefined : await reader.read(call);
    // What AWS acknowledged counts where it cannot be read back.
    if (back === undefined || back.is === "unreadable") return { is: "applied", seen: after.routing };
    const overwritten = back.view.version !== after.version;
    return overwritten
      ? { is: "conflict", seen: back.view.routing }
      : { is: "applied", seen: back.view.routing };
  }

  /** For how long the cookies held, to be kept in a tag before they are turned off for the first time. */
  function noteOf(view: RoutingView, to: Shares, remembered: number | undefined): number | undefined {
    if (settings.sticky !== "cut" || soleSlot(to) === undefined) return undefined;
    const seconds = heldFor(view.rules.map(({ division }) => division.stickiness));
    return seconds === 0 || seconds === remembered ? undefined : seconds;
  }

  async function remember(view: RoutingView, seconds: number, by: By): Promise<Write<never> | undefined> {
    const call = callOf(by, "write");
    if (call === undefined) return notDone(LATE);
    const arns = [view.groups.blue, view.groups.green];
    const answer = await api.elb.addTags(arns, { [STICKY_TAG]: String(seconds) }, call);
    return answer.is === "failed" ? notWritten(answer) : undefined;
  }

  return {
    fencing: "checked",
    modes: ["switch", "weights"],
    propagation: settings.propagation,
    claim,
    shift: (to, expect, by) => inTurn(() => shift(to, expect, by)),
    complete: (by) => inTurn(() => complete(by)),
    async observe(signal) {
      const read =
        look === undefined
          ? await reader.read({ signal, purse: "switch" })
          : await reader.polled(look, signal);
      if (read.is === "unreadable") return read;
      return { is: "seen", value: read.view.routing, version: read.view.version, at: read.at };
    },
    sample: createSampler(settings, reader, counters, { ...parts, now }),
    residual: createResidual(settings, reader, counters, now),
  };
}

function rememberedIn(tags: Tags | undefined, { groups }: RoutingView): number | undefined {
  const value = Number(tags?.all.get(groups.blue)?.get(STICKY_TAG) ?? 0);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** One write of this process at a time: two that were decided on the same version must not both pass the comparison. */
function createQueue(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const next = last.then(run, run);
    last = next.catch(() => undefined);
    return next;
  };
}

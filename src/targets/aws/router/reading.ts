import type { Action, Rule } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause, Instant } from "../../../core/units.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { FoundRouting } from "../found.ts";
import type { Look } from "../look.ts";
import type { AwsSettings } from "../settings.ts";
import { type RoutingView, routingViewOf, type RuleView, ruleViewOf, viewOf } from "./view.ts";

export type ReadView =
  | { readonly is: "seen"; readonly view: RoutingView; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** A rule as an acknowledged write of this process left it. */
interface Written {
  readonly before: RuleView;
  readonly after: RuleView;
  readonly at: number;
}

/**
 * So long (ms) a read may show what was before an acknowledged write: AWS promises none of the two, and reads of its
 * control plane are seconds late at worst.
 */
const LATE_READS = 5_000;

/** The rules among what the shared poller looks at, and how often (ms) it wants to. */
export const POLLED = "rules";
const POLLED_EVERY = 2_000;

/** Reads the rules, and remembers them for the time when they cannot be read. */
export class RuleReader {
  readonly #api: AwsApi;
  readonly #sticky: boolean;
  readonly #found: (signal: AbortSignal) => Promise<FoundRouting | Cause>;
  #known: FoundRouting | undefined;
  #last: RoutingView | undefined;
  readonly #written = new Map<string, Written>();

  constructor(
    api: AwsApi,
    settings: Pick<AwsSettings, "sticky">,
    found: (signal: AbortSignal) => Promise<FoundRouting | Cause>,
  ) {
    this.#api = api;
    this.#sticky = settings.sticky === "wait";
    this.#found = found;
  }

  /** What the configuration means; what it meant before, where that cannot be found out now. */
  async found(signal: AbortSignal): Promise<FoundRouting | Cause> {
    if (this.#known !== undefined && signal.aborted) return this.#known;
    const found = await this.#found(signal);
    if ("code" in found) return this.#known ?? found;
    return (this.#known = found);
  }

  async read(call: CallBy): Promise<ReadView> {
    const found = await this.found(call.signal);
    if ("code" in found) return { is: "unreadable", cause: found };
    const answer = await this.#api.elb.rules({ arns: found.rules.map(({ arn }) => arn) }, call);
    if (answer.is === "failed") return { is: "unreadable", cause: answer.cause };
    return this.#seen(found, answer.value, Date.now() as Instant);
  }

  /** As the shared poller saw them last. */
  async polled(look: Look, signal: AbortSignal): Promise<ReadView> {
    const found = await this.found(signal);
    if ("code" in found) return { is: "unreadable", cause: found };
    const arns = found.rules.map(({ arn }) => arn);
    const ask = (call: CallBy) => this.#api.elb.rules({ arns }, call);
    const looked = await look.read({ name: POLLED, every: POLLED_EVERY, ask }, signal);
    return looked.is === "unreadable" ? looked : this.#seen(found, looked.value, looked.at);
  }

  #seen(found: FoundRouting, answered: readonly Rule[], at: Instant): ReadView {
    const read = viewOf(found, answered, this.#sticky);
    if ("code" in read) return { is: "unreadable", cause: read };
    const rules = read.rules.map((rule) => this.#notOlder(rule));
    return { is: "seen", view: this.#keep(routingViewOf(read.groups, rules, this.#sticky)), at };
  }

  /** As last seen or written, of any age; `undefined` when this process never saw them. */
  last(): RoutingView | undefined {
    return this.#last;
  }

  /** The rule as it is after a write of these actions; nothing of what was read about it is lost. */
  after(view: RoutingView, rule: RuleView, actions: readonly Action[]): RuleView {
    const after = { ...rule.rule, Actions: [...actions] };
    return ruleViewOf(rule.found, after, view.groups, this.#sticky) ?? rule;
  }

  /** Takes note of acknowledged writes and answers what the rules are with them. */
  wrote(view: RoutingView, changes: ReadonlyMap<RuleView, RuleView>): RoutingView {
    const at = performance.now();
    for (const [before, after] of changes) this.#written.set(before.found.arn, { before, after, at });
    const rules = view.rules.map((rule) => changes.get(rule) ?? rule);
    return this.#keep(routingViewOf(view.groups, rules, this.#sticky));
  }

  #notOlder(read: RuleView): RuleView {
    const written = this.#written.get(read.found.arn);
    if (written === undefined) return read;
    const late = performance.now() - written.at < LATE_READS;
    if (late && read.version === written.before.version) return written.after;
    if (!late) this.#written.delete(read.found.arn);
    return read;
  }

  #keep(view: RoutingView): RoutingView {
    this.#last = view;
    return view;
  }
}

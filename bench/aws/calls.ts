import type { Recorded } from "../../test/aws-sim/types.ts";
import { isModify, ONE_PASS, Shop, type Ground } from "./shop.ts";

/** Calls by their actions. */
type Counts = Readonly<Record<string, number>>;

export interface Counted {
  /** Rules that were switched. */
  readonly rules: number;
  /** Calls that moved users, one for each rule if all is well. */
  readonly moving: number;
  /** Calls that change something, besides those for tags. */
  readonly writes: Counts;
  /** Calls for tags: the fence, the lease's proof, what a slot runs, whose sizes are kept. */
  readonly tags: Counts;
  readonly reads: Counts;
  /** Of the reads, those before the first write: finding out what is meant, and the preflight. */
  readonly before: number;
  /** Looks of the poller while a step waited: what was read more than 100 ms away from every write. */
  readonly polls: number;
}

export interface Calls {
  /** From `teal deploy` to its end, the previous slot kept warm. */
  readonly deployment: Counted;
  /** From `teal rollback` to its end, the candidate's slot stopped. */
  readonly rollback: Counted;
}

/** @param reach how checks get to the idle slot: `address`, or `headerRule`, which is the default and makes a rule. */
export async function countCalls(
  ground: Ground,
  options: { readonly reach: "address" | "headerRule"; readonly ports: readonly number[] },
): Promise<Calls> {
  const { reach, ports } = options;
  const shop = await Shop.open(ground, {
    aws: [`reach: ${reach}`],
    health: ONE_PASS,
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 10m, drain: 100ms } }",
    shop: { listeners: ports.map((port) => ({ port })) },
  });
  try {
    const counted = async (...words: readonly string[]): Promise<Counted> => {
      const mark = shop.mark;
      await shop.teal([...words, "--yes", "-q"]);
      return countedIn(shop.since(mark), ports.length);
    };
    return { deployment: await counted("deploy", shop.image()), rollback: await counted("rollback") };
  } finally {
    await shop.end();
  }
}

/** ms; what is read so near to a write belongs to it. */
const AROUND = 100;

function countedIn(calls: readonly Recorded[], rules: number): Counted {
  const writes = calls.filter(({ mutating }) => mutating);
  const reads = calls.filter(({ mutating }) => !mutating);
  const first = writes[0]?.at ?? Number.POSITIVE_INFINITY;
  const alone = ({ at }: Recorded) => writes.every((write) => Math.abs(write.at - at) > AROUND);
  const isTag = ({ action }: Recorded) => action.endsWith("Tags");
  return {
    rules,
    moving: writes.filter(isModify).length,
    writes: byAction(writes.filter((each) => !isTag(each))),
    tags: byAction(writes.filter(isTag)),
    reads: byAction(reads),
    before: reads.filter(({ at }) => at < first).length,
    polls: reads.filter((each) => each.at > first && alone(each)).length,
  };
}

function byAction(calls: readonly Recorded[]): Counts {
  const counts: Record<string, number> = {};
  for (const { action } of calls) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}

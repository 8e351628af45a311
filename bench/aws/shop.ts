import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { JournalEvent } from "../../src/core/journal.ts";
import type { Recorded } from "../../test/aws-sim/types.ts";
import { AwsStory, type StoryOptions } from "../../test/aws/story.ts";
import { quantile, rounded } from "../figures.ts";

/** File of the command line. */
export interface Ground {
  readonly cli: string;
}

/** How many there are, and what half and nearly all of them are not above; ms. */
export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
}

export function times(values: readonly number[]): Times {
  return { count: values.length, p50: rounded(quantile(values, 0.5)), p95: rounded(quantile(values, 0.95)) };
}

/** One pass decides; the instances are asked at their addresses, and users' answers tell the revision. */
export const ONE_PASS =
  "{ identity: { header: x-revision }, window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, jitter: 0%, deadline: 60s } }";

/** The image of the first live revision: its answers say its own id, as those of every later one. */
const BASE = "ami-00000000000000000";

export interface Ran {
  readonly out: string;
  readonly err: string;
  /** When the process was started and had ended, in ms of the wall clock. */
  readonly began: number;
  readonly ended: number;
}

/**
 * The shop in a simulated account whose time is this machine's (unless the options say otherwise), with the buckets that
 * AWS documents; each command is a process of its own, as from a pipeline.
 */
export class Shop {
  readonly story: AwsStory;
  readonly #cli: string;
  #images = 0;

  private constructor({ cli }: Ground, story: AwsStory) {
    this.#cli = cli;
    this.story = story;
  }

  static async open(ground: Ground, options: StoryOptions): Promise<Shop> {
    const story = await AwsStory.open({
      ...options,
      simulator: { speed: 1, throttling: "documented", ...options.simulator },
      shop: {
        deregistrationDelay: 1,
        image: { name: "shop-base", imageId: BASE, behaviour: { revision: BASE, ...QUICK } },
        ...options.shop,
      },
    });
    return new Shop(ground, story);
  }

  /** One more AMI, whose instances say its id; @param pending ms of the world that a launch takes. */
  image(pending: number = QUICK.pending): string {
    this.#images += 1;
    const imageId = `ami-${String(this.#images).padStart(17, "0")}`;
    const behaviour = { revision: imageId, ...QUICK, pending };
    return this.story.simulator.compute.registerImage({ name: `shop-${this.#images}`, imageId, behaviour });
  }

  /** Runs a command to its end, and expects it to go well. @param node more arguments for Node itself. */
  teal(words: readonly string[], node: readonly string[] = []): Promise<Ran> {
    return this.node(...node, this.#cli, ...words);
  }

  /** The same with any arguments of Node. */
  async node(...words: readonly string[]): Promise<Ran> {
    const began = performance.timeOrigin + performance.now();
    const child = spawn(process.execPath, words, {
      cwd: this.story.folder,
      env: {
        ...process.env,
        ...this.story.simulator.environment(),
        TEAL_STATE_DIR: `${this.story.folder}/state`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = Promise.all([text(child.stdout), text(child.stderr)]);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const ended = performance.timeOrigin + performance.now();
    const [out, err] = await said;
    if (code !== 0) throw new Error(`${words.join(" ")}: exit ${code}\n${out}${err}`);
    return { out, err, began, ended };
  }

  /** How many calls there were; for `since`. */
  get mark(): number {
    return this.story.simulator.recorded.length;
  }

  /** Calls of Teal since then that were carried out, in their order. */
  since(mark: number): readonly Recorded[] {
    return this.story.simulator.recorded
      .slice(mark)
      .filter(({ principal, error }) => error === undefined && !FOREIGN.test(principal));
  }

  /** Events of the open deployment, else of the last one. */
  journal(): Promise<readonly JournalEvent[]> {
    return this.story.with(async ({ store, key }) => {
      const current = await store.current(key);
      if (current.is === "open") return current.journal.events;
      const rows = await store.history(key, 1);
      const last = rows.is === "rows" ? rows.rows[0] : undefined;
      const answer = last === undefined ? undefined : await store.events(key, last.id);
      return answer?.is === "events" ? answer.events : [];
    });
  }

  end(): Promise<void> {
    return this.story.end();
  }
}

/** ms of the world until EC2 says `running`, and until the program is started then. */
const QUICK = { pending: 500, boots: 100 } as const;

/** Who built the shop, and who waits in another way. */
const FOREIGN = /shop-builder|other-tool/u;

export const isModify = ({ action }: Recorded): boolean => /:Modify(?:Rule|Listener)$/u.test(action);

/** Runs so many pieces of work in each of the lanes, one lane beside the other. */
export async function inLanes<L>(
  lanes: readonly L[],
  count: number,
  work: (lane: L, n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      for (let n = next++; n < count; n = next++) await work(lane, n);
    }),
  );
}

import { median, rounded } from "../figures.ts";
import { type Ground, Shop, type Ran } from "./shop.ts";

export interface Cold {
  /** ms from the start of the process to its end. */
  readonly p50: number;
  /** The same for `node -e 0`. */
  readonly node: number;
  /** Most memory that it held, in MB. */
  readonly memory: number;
  readonly deployMemory: number;
}

/** Tells on the error output how much memory (kB) the process held at most. */
const TELL = [
  "--import",
  'data:text/javascript,process.on("exit",()=>console.error("held "+process.resourceUsage().maxRSS))',
];

/** `teal status` of a service that runs, each time a process of its own. */
export async function measureStatus(ground: Ground, count: number): Promise<Cold> {
  const shop = await Shop.open(ground, {
    strategy: "{ blueGreen: { bake: 50ms, keepWarm: 10m, drain: 100ms } }",
  });
  try {
    await shop.teal("deploy", "v0", "--yes", "-q");
    const deployed = await shop.start(["deploy", "v1", "--yes", "-q"], TELL).ended;
    const took: number[] = [];
    const empty: number[] = [];
    const held: number[] = [];
    for (let n = 0; n <= count; n += 1) {
      const node = await timed(() => shop.start([], ["-e", "0"]).ended);
      const status = await timed(() => shop.start(["status"]).ended);
      // The first one reads everything from the disk.
      if (n === 0) continue;
      empty.push(node);
      took.push(status);
      if (n <= 3) held.push(heldBy(await shop.start(["status"], TELL).ended));
    }
    return {
      p50: rounded(median(took)),
      node: rounded(median(empty)),
      memory: Math.round(median(held)),
      deployMemory: Math.round(heldBy(deployed)),
    };
  } finally {
    await shop.end();
  }
}

async function timed(run: () => Promise<Ran>): Promise<number> {
  const began = performance.now();
  const ran = await run();
  if (ran.code !== 0) throw new Error(`exit ${ran.code}: ${ran.err}`);
  return performance.now() - began;
}

function heldBy({ err }: Ran): number {
  const kilobytes = /^held (\d+)$/mu.exec(err)?.[1];
  if (kilobytes === undefined) throw new Error(`the process did not tell what memory it held: ${err}`);
  return Number(kilobytes) / 1024;
}

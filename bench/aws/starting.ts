import { median, rounded } from "../figures.ts";
import { ONE_PASS, Shop, type Ground, type Ran } from "./shop.ts";

export interface Starting {
  /** ms from the start of the process to its end; of an empty Node, too. */
  readonly node: number;
  readonly version: number;
  readonly status: number;
  /** Modules of the AWS SDK that each command loaded. */
  readonly loaded: { readonly version: number; readonly status: number };
}

/**
 * Tells on the error output how many modules of the AWS SDK were loaded: files of its packages, or chunks of a bundle
 * that say in their comments that they hold such files.
 */
const TELL = [
  "--import",
  `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from "node:module";
    const of = /node_modules\\/(?:@aws-sdk|@smithy)\\//;
    let count = 0;
    registerHooks({
      load(url, context, next) {
        const loaded = next(url, context);
        if (of.test(url) || (url.startsWith("file:") && of.test(String(loaded.source ?? "")))) count += 1;
        return loaded;
      },
    });
    process.on("exit", () => console.error("loaded " + count));
  `)}`,
];

/** Each time a process of its own, beside a simulated account that answers at once. */
export async function measureStarting(ground: Ground, count: number): Promise<Starting> {
  const shop = await Shop.open(ground, { aws: ["reach: address"], health: ONE_PASS });
  const took = { node: [] as number[], version: [] as number[], status: [] as number[] };
  try {
    for (let n = 0; n <= count; n += 1) {
      const round = {
        node: lasted(await shop.node("-e", "0")),
        version: lasted(await shop.teal(["--version"])),
        status: lasted(await shop.teal(["status"])),
      };
      // The first one reads everything from the disk.
      if (n > 0) for (const name of ["node", "version", "status"] as const) took[name].push(round[name]);
    }
    return {
      node: rounded(median(took.node)),
      version: rounded(median(took.version)),
      status: rounded(median(took.status)),
      loaded: {
        version: loadedBy(await shop.teal(["--version"], TELL)),
        status: loadedBy(await shop.teal(["status"], TELL)),
      },
    };
  } finally {
    await shop.end();
  }
}

const lasted = ({ began, ended }: Ran): number => ended - began;

function loadedBy({ err }: Ran): number {
  const count = /^loaded (\d+)$/mu.exec(err)?.[1];
  if (count === undefined) throw new Error(`the process did not tell what it loaded: ${err}`);
  return Number(count);
}

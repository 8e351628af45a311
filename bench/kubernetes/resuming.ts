import { kill, until } from "../../test/e2e/processes.ts";
import { spread, type Spread } from "../figures.ts";
import { type Ground, Shop } from "./shop.ts";

export interface Resuming {
  /** ms from `kill -9` of the command until the one that resumes has written itself into the journal. */
  readonly claimed: Spread;
  /** Of those, the ones that were killed before users were moved. */
  readonly beforeCutover: number;
}

/** The command is killed while it waits for pods, or while it watches the candidate, and `teal resume` is run at once. */
export async function measureResuming(ground: Ground, count: number): Promise<Resuming> {
  const shop = await Shop.open(ground, {
    strategy: "{ blueGreen: { bake: 2s, keepWarm: 0s, drain: 100ms } }",
  });
  try {
    await shop.teal("deploy", "v0", "--yes", "-q");
    const connection = await shop.connect();
    const claims = async () =>
      (await shop.journal(connection)).filter((event) => event.kind === "claimed").map(({ at }) => at);
    const took: number[] = [];
    for (let n = 1; n <= count; n += 1) {
      const { next, switches } = shop.observer;
      const before = switches.length;
      const early = n % 2 === 0;
      const first = shop.start(["deploy", `v${n}`, "--yes", "-q"]);
      if (early) {
        await until(
          "the deployment to be begun",
          async () => {
            const [opened] = await shop.journal(connection);
            const ours = opened?.kind === "opened" && opened.plan.candidate.revision.id === `v${n}`;
            return ours && (await claims()).length === 1;
          },
          30_000,
        );
      } else await shop.observer.switched(next, before);
      const killed = Date.now();
      kill(first.pid);
      await first.ended;
      await shop.teal("resume", "-q");
      const again = (await claims()).find((at) => at >= killed);
      if (again === undefined) throw new Error("nobody resumed it");
      if (shop.observer.live !== next)
        throw new Error(`resumed, but the Service selects ${shop.observer.live}`);
      took.push(again - killed);
    }
    return { claimed: spread(took), beforeCutover: Math.floor(count / 2) };
  } finally {
    await shop.end();
  }
}

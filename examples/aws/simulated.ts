import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standardShop } from "../../test/aws-sim/shop.ts";
import { startSimulator } from "../../test/aws-sim/simulator.ts";

/*
 * `npm run example:aws`: a simulated account with a shop in it, and run.sh in an environment that points there. Of the
 * variables that it sets, an AWS account needs the images, ACCOUNT, LISTENER and HOST; the rest is the endpoint.
 */

const simulator = await startSimulator({ speed: 20 });
const state = mkdtempSync(join(tmpdir(), "teal-example-aws-"));
try {
  await standardShop(simulator);
  const image = (revision: string, health: "well" | "sick" = "well") =>
    simulator.compute.registerImage({ name: `shop-${revision}`, behaviour: { revision, health } });
  const child = spawn("sh", [join(import.meta.dirname, "run.sh")], {
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      ...simulator.environment(),
      TEAL: `${process.execPath} ${join(import.meta.dirname, "../../src/cli/main.ts")}`,
      TEAL_STATE_DIR: state,
      ACCOUNT: simulator.account,
      LISTENER: "shop-alb:8080",
      HOST: "shop.example",
      SECOND: image("r2"),
      THIRD: image("r3"),
      BAD: image("r4", "sick"),
    },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await simulator.stop();
  rmSync(state, { recursive: true, force: true });
}

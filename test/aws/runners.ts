import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AwsStory, Ran } from "./story.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

/** Commands of a pipeline: each on a machine that knows nothing of the others and is gone afterwards. */
export class Runners {
  readonly #story: AwsStory;
  readonly #machines: string[] = [];

  constructor(story: AwsStory) {
    this.#story = story;
  }

  /** @param told everything the command said until now, whenever it said more, and how to send it SIGTERM. */
  async run(
    words: readonly string[],
    told: (out: string, cancel: () => void) => void = () => {},
  ): Promise<Ran & { readonly summary: string }> {
    const machine = mkdtempSync(join(tmpdir(), "teal-runner-"));
    this.#machines.push(machine);
    const summary = join(machine, "summary.md");
    const child = spawn(process.execPath, [MAIN, ...words, "--json"], {
      cwd: this.#story.folder,
      env: {
        ...process.env,
        ...this.#story.simulator.environment(),
        TEAL_STATE_DIR: join(machine, "state"),
        GITHUB_STEP_SUMMARY: summary,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (part: Buffer) => {
      out += part.toString();
      told(out, () => child.kill("SIGTERM"));
    });
    child.stderr.on("data", (part: Buffer) => (err += part.toString()));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, out, err, summary: existsSync(summary) ? readFileSync(summary, "utf8") : "" };
  }

  remove(): void {
    for (const machine of this.#machines) rmSync(machine, { recursive: true, force: true });
  }
}

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { Out } from "./out.ts";
import { StepSummary } from "./step-summary.ts";
import { TestService } from "./testing.ts";

/** What a step of GitHub Actions shows: the same lines as on the screen, as Markdown. */
describe("the summary of a pipeline's step", () => {
  const service = new TestService({ strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 1s } }" });
  const file = join(service.folder, "summary.md");
  const secret = "hunter2-hunter2";
  afterAll(() => service.dispose());

  /** Runs a command as a step, and gives what it appended. */
  async function step(...words: readonly string[]): Promise<{ readonly code: number | null; page: string }> {
    rmSync(file, { force: true });
    const { code } = await service.teal(...words);
    return { code, page: existsSync(file) ? readFileSync(file, "utf8") : "" };
  }

  test("plan: its steps, also where the output is JSON", async () => {
    service.set({ GITHUB_STEP_SUMMARY: file, SHOP_SECRET: secret });
    for (const form of [[], ["--json"]]) {
      const { code, page } = await step("plan", "v1", ...form);
      expect(code).toBe(0);
      expect(page).toMatch(/^### ✅ teal plan: done \(exit 0\)\n/u);
      expect(page).toMatch(/^```text\nshop · default@/mu);
      expect(page).toMatch(/^ 1 {2}ensure-blue /mu);
    }
  });

  test("deploy: a row for each step, and who serves", async () => {
    const { code, page } = await step("deploy", "v1", "--json");
    expect(code).toBe(0);
    expect(page).toMatch(/^### ✅ teal deploy: done \(exit 0\)\n/u);
    const rows = page.split("\n").filter((line) => line.startsWith("| ✓ |"));
    expect(rows.map((row) => row.split("|")[2]?.trim())).toEqual(["start", "checks", "cutover", "bake"]);
    expect(page).toContain("v1 is live on blue.");
  });

  test("a deployment that went back says why, and shows no secret", async () => {
    service.release("unhealthy");
    const { code, page } = await step("deploy", "v2");
    expect(code).toBe(4);
    expect(page).toMatch(/^### ↩️ teal deploy: .*\(exit 4\)\n/u);
    expect(page).toMatch(/^\| ✗ \| checks \| .*\/deep/mu);
    expect(page).not.toContain(secret);
    expect(page).toContain("TEAL-H101");
  });

  test("a command that is refused says why", async () => {
    const { code, page } = await step("promote");
    expect(code).toBe(3);
    expect(page).toMatch(/^### ⛔ teal promote: /u);
    expect(page).toContain("TEAL-X008");
  });

  test("a question writes none, and a file that cannot be written changes nothing", async () => {
    expect(await step("status")).toEqual({ code: 0, page: "" });
    service.set({ GITHUB_STEP_SUMMARY: join(service.folder, "nowhere", "summary.md") });
    const ran = await service.teal("plan", "v3");
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/^the step's summary was not written: ENOENT/u);
  });
});

test("what a revision or a replica wrote stays text: no table, no markup, no end of a block", () => {
  const summary = new StepSummary();
  const at = 0 as never;
  summary.line({ is: "step", at, mark: "bad", label: "checks", text: "a|b <img> `x`\n# head [l](u)" });
  summary.block(["```", "\u001b[31mred\u001b[0m"]);
  const page = summary.page("deploy", 4) ?? "";
  expect(page).toContain("| ✗ | checks | a\\|b \\<img\\> \\`x\\`");
  expect(page).not.toMatch(/^# head/mu);
  expect(page).toContain("````text\n```\nred\n````\n");
});

test("a secret is covered in every part of a line, on the screen and in the summary", () => {
  const folder = mkdtempSync(join(tmpdir(), "teal-summary-"));
  try {
    const file = join(folder, "summary.md");
    const [out, err] = [new PassThrough(), new PassThrough()];
    const told = new Out(
      { out, err, env: { GITHUB_STEP_SUMMARY: file } },
      { json: false, quiet: false, verbose: true },
    );
    told.hideWith((text) => text.replaceAll("hunter2", "[redacted]"));
    const at = 0 as never;
    told.line({ is: "step", at, mark: "good", label: "check hunter2", text: "said hunter2" });
    told.line({ is: "detail", at, text: "evidence hunter2" });
    told.line({ is: "say", at, tone: "result", text: "result hunter2" });
    told.result({ command: "deploy", exit: 0 });
    for (const all of [readFileSync(file, "utf8"), String(out.read()), String(err.read() ?? "")])
      expect(all).not.toContain("hunter2");
    expect(readFileSync(file, "utf8")).toContain("check \\[redacted\\]");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, describe, expect, test } from "vitest";
import { outputSchema } from "./output-schema.ts";
import { cliPage } from "./reference.ts";
import { objects, TestService } from "./testing.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("what is generated is up to date (npm run schema)", () => {
  test("docs/cli.md", () => {
    expect(readFileSync(join(ROOT, "docs/cli.md"), "utf8")).toBe(cliPage());
  });

  test("schema/teal.output.schema.json", () => {
    expect(readFileSync(join(ROOT, "schema/teal.output.schema.json"), "utf8")).toBe(
      `${JSON.stringify(outputSchema(), null, 2)}\n`,
    );
  });
});

describe("--json", () => {
  const service = new TestService();
  afterAll(() => service.dispose());
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(outputSchema());

  test("every line of every command is as the schema says; the last one is the result", async () => {
    const runs: [readonly string[], number][] = [
      [["check"], 0],
      [["status"], 0],
      [["deploy", "v1"], 0],
      [["plan", "v2"], 0],
      [["plan", "v2", "--compare"], 0],
      [["deploy", "v1"], 0],
      [["deploy", "v2"], 0],
      [["status"], 0],
      [["rollback"], 0],
      [["history"], 0],
      [["health"], 0],
      [["logs", "v1"], 0],
      [["logs", "r77"], 3],
      [["promote"], 3],
      [["resume"], 0],
      [["agent"], 0],
      [["agent", "start"], 0],
      [["unlock", "--reason", "test", "--yes"], 0],
      [["unlock"], 2],
      [["prune", "--yes"], 0],
      [["prune"], 2],
      [["status", "--env", "nowhere"], 2],
    ];
    for (const [words, code] of runs) {
      const ran = await service.teal(...words, "--json");
      expect(ran.err, words.join(" ")).toBe("");
      expect(ran.code, `${words.join(" ")}: ${ran.out}`).toBe(code);
      const lines = objects(ran.out);
      for (const line of lines)
        expect(
          validate(line),
          `${words.join(" ")}: ${JSON.stringify(line)} ${JSON.stringify(validate.errors?.slice(0, 5))}`,
        ).toBe(true);
      expect(lines.filter((line) => line["type"] === "result")).toHaveLength(1);
      expect(lines.at(-1)).toMatchObject({ type: "result", command: words[0], exit: code });
    }
    service.release("unhealthy");
    const rejected = objects((await service.teal("deploy", "v3", "--json")).out);
    for (const line of rejected)
      expect(validate(line), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
    expect(rejected.at(-1)).toMatchObject({
      is: "ended",
      outcome: "reverted",
      exit: 4,
      cause: { code: "TEAL-H101" },
    });
  }, 60_000);

  test("the schema refuses what is not output", () => {
    for (const line of [
      { type: "result", command: "deploy" },
      { type: "event", kind: "opened" },
      { type: "note", text: "a", more: 1 },
      { type: "other" },
    ])
      expect(validate(line)).toBe(false);
  });
});

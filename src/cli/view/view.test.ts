import { describe, expect, test } from "vitest";
import { deployRevision, moveOn } from "../../api/deploying.ts";
import { abort, promote, rollback } from "../../api/steering.ts";
import type { JournalEvent } from "../../core/journal.ts";
import { millis } from "../../core/units.ts";
import { ask } from "../../engine/engine.ts";
import { CONTEXT, revision, shown as asShown, world, type WorldOptions } from "./testing.ts";
import { cut, padded, printable, width } from "./width.ts";
import { table } from "./table.ts";
import { tookInWords } from "./words.ts";
import { view } from "./view.ts";

/** Measured figures differ from one engine to the next; everything else stays. */
function shown(events: readonly JournalEvent[]): string {
  return asShown(events)
    .replace(/(?<![<\d])[\d.]+ (?:ms|s|min)(?: \d+ s)?(?= |$|\.|,)/gmu, "# s")
    .replace(/ {2,}# s$/gmu, "  # s")
    .replace(/\b[1-9][\d,]* (requests|errors)/gu, "# $1")
    .replace(/errors [\d.]+ %/gu, "errors # %");
}

/** Deploys one revision after the other and answers the journal of the last. */
async function last(options: WorldOptions, ...ids: readonly string[]): Promise<readonly JournalEvent[]> {
  const { connection, options: how } = world(options);
  for (const id of ids.slice(0, -1)) await deployRevision(connection, revision(id), {}, how);
  const moved = await deployRevision(connection, revision(ids.at(-1) as string), {}, how);
  if (!("events" in moved)) throw new Error(`no journal: ${JSON.stringify(moved)}`);
  return moved.events;
}

describe("a deployment as lines", () => {
  test("first deployment", async () => {
    expect(shown(await last({}, "v1"))).toMatchSnapshot();
  });

  test("goes through and stays warm", async () => {
    expect(shown(await last({}, "v1", "v2"))).toMatchSnapshot();
  });

  test("rejected by its checks: nobody was sent to it", async () => {
    const text = shown(
      await last({ behaviour: ({ id }) => (id === "v3" ? "failsChecks" : "good") }, "v2", "v3"),
    );
    expect(text).toMatchSnapshot();
    expect(text).toContain("Users stayed on v2; no traffic moved.");
    expect(text).not.toContain("revert ");
    expect(text).not.toContain("--retry-reverted");
  });

  test("reverted in the bake: users saw errors", async () => {
    const text = shown(
      await last({ behaviour: ({ id }) => (id === "v4" ? "failsUnderTraffic" : "good") }, "v2", "v4"),
    );
    expect(text).toMatchSnapshot();
    expect(text).toContain("TEAL-B201, exit 4");
    expect(text).toContain("--retry-reverted");
  });

  test("says once what was seen several times", async () => {
    const events = await last(
      { behaviour: ({ id }) => (id === "v4" ? "failsUnderTraffic" : "good") },
      "v2",
      "v4",
    );
    const again = events.map((event) =>
      event.kind === "verdict" && event.cause?.evidence !== undefined
        ? { ...event, cause: { ...event.cause, evidence: ["GET /a 500", "GET /b 500", "GET /a 500"] } }
        : event,
    );
    const lines = asShown(again).split("\n");
    expect(lines.filter((line) => line.includes("GET /a 500"))).toEqual([
      expect.stringMatching(/GET \/a 500 ×2$/u),
    ]);
    expect(lines.filter((line) => line.includes("GET /b 500"))).toEqual([
      expect.stringMatching(/GET \/b 500$/u),
    ]);
  });

  test("never becomes ready", async () => {
    expect(
      shown(await last({ behaviour: ({ id }) => (id === "v3" ? "neverReady" : "good") }, "v2", "v3")),
    ).toMatchSnapshot();
  });

  test("first deployment rejected: nothing served before", async () => {
    expect(shown(await last({ behaviour: () => "failsChecks" }, "v1"))).toMatchSnapshot();
  });

  test("canary: shares, watches and the cutover", async () => {
    const gate = { gate: "watch", for: millis(10_000) } as const;
    const strategy = {
      kind: "canary",
      shifts: [
        { share: 10, gate },
        { share: 50, gate },
      ],
    } as const;
    expect(shown(await last({ strategy, replicas: 4 }, "v1", "v2"))).toMatchSnapshot();
  });

  test("rolling", async () => {
    expect(shown(await last({ strategy: { kind: "rolling" }, replicas: 3 }, "v1", "v2"))).toMatchSnapshot();
  });

  test("recreate", async () => {
    expect(shown(await last({ strategy: { kind: "recreate" } }, "v1", "v2"))).toMatchSnapshot();
  });

  test("without an exit status for who only watches", async () => {
    const events = await last({ behaviour: ({ id }) => (id === "v3" ? "failsChecks" : "good") }, "v2", "v3");
    const { exits: _, ...watching } = CONTEXT;
    const codes = view(events, watching).filter((line) => line.is === "say" && line.tone === "code");
    expect(codes.map((line) => line.text)).toEqual(["TEAL-H101"]);
  });
});

describe("what people do", () => {
  const gates = [{ gate: "approval", timeout: millis(3_600_000), otherwise: "revert" }] as const;

  test("waits at a gate, is promoted", async () => {
    const { connection, options } = world({ strategy: { gates } });
    const waiting = await deployRevision(connection, revision("v1"), {}, options);
    expect(waiting.is).toBe("waiting");
    const moved = await promote(connection, options);
    expect("events" in moved && shown(moved.events)).toMatchSnapshot();
  });

  test("nobody answers the gate in time", async () => {
    const { connection, options, clock } = world({ strategy: { gates } });
    await deployRevision(connection, revision("v1"), {}, options);
    clock.jump(3_600_001);
    const moved = await moveOn(connection, options);
    expect("events" in moved && shown(moved.events)).toMatchSnapshot();
  });

  test("aborted at the gate", async () => {
    const { connection, options } = world({ strategy: { gates } });
    await deployRevision(connection, revision("v1"), {}, options);
    const moved = await abort(connection, options, "Ctrl-C");
    expect("events" in moved && shown(moved.events)).toMatchSnapshot();
  });

  test("rolled back from warm", async () => {
    const { connection, options } = world();
    await deployRevision(connection, revision("v1"), {}, options);
    await deployRevision(connection, revision("v2"), {}, options);
    const moved = await rollback(connection, options);
    const text = "events" in moved ? shown(moved.events) : "";
    expect(text).toMatchSnapshot();
    expect(text).toContain("v2 rolled back by ada@desk; v1 is live.");
  });

  test("the previous slot is given up", async () => {
    const { connection, options } = world();
    await deployRevision(connection, revision("v1"), {}, options);
    await deployRevision(connection, revision("v2"), {}, options);
    await ask(connection.store, connection.key, { ask: "promote", by: "ada@desk" });
    const moved = await moveOn(connection, options);
    const text = "events" in moved ? shown(moved.events) : "";
    expect(text).toMatchSnapshot();
    expect(text).toContain("Blue is retired; logs are kept.");
  });
});

describe("properties", () => {
  test("more events only add lines", async () => {
    for (const id of ["good", "failsChecks", "failsUnderTraffic"] as const) {
      const events = await last({ behaviour: ({ id: name }) => (name === "v2" ? id : "good") }, "v1", "v2");
      const whole = view(events, CONTEXT);
      for (let count = 1; count <= events.length; count += 1) {
        const part = view(events.slice(0, count), CONTEXT);
        expect(whole.slice(0, part.length)).toEqual(part);
      }
    }
  });
});

describe("words and columns", () => {
  test.each([
    [6, "6 ms"],
    [999.6, "1.0 s"],
    [3_100, "3.1 s"],
    [9_999, "10 s"],
    [35_400, "35 s"],
    [120_000, "2 min"],
    [125_000, "2 min 5 s"],
    [7_260_000, "2 h 1 min"],
  ])("%d ms is %s", (ms, words) => {
    expect(tookInWords(ms)).toBe(words);
  });

  test("wide and combined characters take the columns that a terminal gives them", () => {
    expect([width("blue"), width("蓝色"), width("e\u0301"), width("👩‍💻"), width("✓")]).toEqual([
      4, 4, 1, 2, 1,
    ]);
    expect(padded("蓝", 4)).toBe("蓝  ");
    expect(cut("green 2/2 replicas", 8)).toBe("green 2…");
    expect(cut("蓝色蓝色", 5)).toBe("蓝色…");
  });

  test("nothing that is quoted can move the cursor, colour the terminal or forge a line", () => {
    const text = printable("a\u001b[2K\rb\u202ec\nd\u0007\u009b1m");
    expect(text).toBe("a\\u{1b}[2K\\u{d}b\\u{202e}c\\u{a}d\\u{7}\\u{9b}1m");
  });

  test("a table that is too wide is turned; a short row is a sentence", () => {
    const rows = [
      ["strategy", "steps", "writes"],
      ["blueGreen", "9", "3"],
      ["rolling", "refused: no"],
    ];
    expect(table(rows, 80)).toEqual([
      "strategy   steps  writes",
      "blueGreen  9      3",
      "rolling    refused: no",
    ]);
    expect(table(rows, 20)).toEqual([
      "blueGreen",
      "  steps     9",
      "  writes    3",
      "",
      "rolling",
      "  refused: no",
    ]);
  });
});

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { objects, resultOf, TestService } from "./testing.ts";

/** Deployments of a real service on this machine through the command line: what it says and its exit status. */

describe("a service's life", () => {
  const service = new TestService();
  afterAll(() => service.dispose());

  test("the first deployment (0), then the next one, which keeps the way back warm (0)", async () => {
    const first = await service.teal("deploy", "v1");
    expect(first.err).toBe("");
    expect(first.code).toBe(0);
    expect(first.out).toMatch(
      /^\d\d:\d\d:\d\d shop · default@\S+ {4}live: nobody {3}candidate: blue r1 \(v1\)$/mu,
    );
    expect(first.out).toContain("v1 is live on blue.");
    service.release("good");
    const second = await service.teal("deploy", "v2", "--json");
    expect(second.code).toBe(0);
    expect(resultOf(second)).toMatchObject({
      is: "warm",
      number: 2,
      slot: "green",
      revision: { id: "v2" },
      exit: 0,
    });
    const kinds = objects(second.out)
      .filter((each) => each["type"] === "event")
      .map((each) => each["kind"]);
    expect(kinds[0]).toBe("opened");
    expect(kinds).toContain("claimed");
    expect(kinds.at(-1)).toBe("verdict");
  });

  test("status: who serves, the preview of the idle slot, what can be done", async () => {
    const people = await service.teal("status");
    expect(people.out).toContain("v2 serves on green.");
    expect(people.out).toMatch(/blue {3}0 % {4}v1 {2}1\/1 ready {2}preview http:\/\/127\.0\.0\.1:\d+/u);
    expect(people.out).toContain("possible now: teal promote, teal rollback");
    expect(resultOf(await service.teal("status", "--json"))).toMatchObject({
      serves: { slot: "green", revision: "v2" },
      open: { allowed: ["promote", "rollback"] },
    });
  });

  test("the same revision again is no work and gives up no warm slot (0)", async () => {
    const ran = await service.teal("deploy", "v2");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("v2 is live on green already.");
    expect((await service.teal("status")).out).toContain("teal rollback");
  });

  test("rollback from warm brings the previous revision back (0)", async () => {
    const ran = await service.teal("rollback");
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/↩ revert {4}blue 100 %.* after the abort/u);
    expect(ran.out).toContain("v1 is live.");
  });

  test("a revision that fails its checks is rejected (4); users stay where they were", async () => {
    service.release("unhealthy");
    const ran = await service.teal("deploy", "v3");
    expect(ran.code).toBe(4);
    expect(ran.out).toMatch(/✗ checks {4}GET \/deep: expected 2xx, got 503/u);
    expect(ran.out).toMatch(/body: "refused with/u);
    expect(ran.out).toContain("v3 rejected. Users stayed on v1; no traffic moved.");
    expect(ran.out).toContain("TEAL-H101, exit 4");
    const number = resultOf(await service.teal("history", "--json"))["rows"] as { number: number }[];
    const logs = await service.teal("logs", `r${number[0]?.number}`, "--errors");
    expect(logs.out).toContain("Error: /deep with");
    expect(logs.out).not.toContain("listens with");
  });

  test("a rejected revision may be tried again without a flag", async () => {
    const ran = await service.teal("deploy", "v3");
    expect(ran.code).toBe(4);
    expect(ran.out).toContain("TEAL-H101");
  });

  test("health asks the checks now and changes nothing", async () => {
    const ran = await service.teal("health");
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/✓ blue \(v1\): /u);
    expect(ran.out).toContain("green: empty");
  });

  test("plan shows the steps; --compare every strategy; a plan from a file is carried out only while it still holds", async () => {
    service.release("good");
    const file = join(service.folder, "plan.json");
    const planned = await service.teal("plan", "v5", "--out", file);
    expect(planned.code).toBe(0);
    expect(planned.out).toContain("shift-green-100");
    expect((await service.teal("plan", "v5", "--compare")).out).toMatch(/Recommended: \w+\. /u);
    const changed = join(service.folder, "changed.json");
    writeFileSync(changed, readFileSync(file, "utf8").replace('"bake-green"', '"bake-blue"'));
    const refused = await service.teal("deploy", "--plan", changed);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("was changed after it was made");
    expect((await service.teal("deploy", "--plan", file)).code).toBe(0);
    expect((await service.teal("promote")).code).toBe(0);
    const late = await service.teal("deploy", "--plan", file);
    expect(late.code).not.toBe(4);
    expect(late.err + late.out).toMatch(/TEAL-P120, exit 3|live on green already/u);
  });

  test("refusals before any write (3): nothing to promote, nothing to abort, no such revision", async () => {
    for (const command of ["promote", "abort"]) {
      const ran = await service.teal(command);
      expect(ran.code).toBe(3);
      expect(ran.err).toMatch(
        /no deployment is open\n.* serves on .*\nNext: teal status\nTEAL-X008, exit 3\n/u,
      );
    }
    const ran = await service.teal("rollback", "--to", "v77");
    expect(ran.code).toBe(3);
    expect(ran.err).toContain("TEAL-D122, exit 3");
    expect((await service.teal("logs", "r99")).code).toBe(3);
    const forced = await service.teal("deploy", "v9", "--force", "deap");
    expect(forced.code).toBe(3);
    expect(forced.err).toContain('no check is called "deap"; there are "ready", "deep[0] GET /deep"');
  });

  test("history tells them all, newest first", async () => {
    const ran = await service.teal("history");
    const lines = ran.out.trimEnd().split("\n");
    expect(lines[0]).toMatch(/revision +slot +strategy +outcome/u);
    expect(lines.filter((line) => line.includes("reverted TEAL-H101"))).toHaveLength(2);
  });

  test("what must be confirmed is not done without a terminal (2)", async () => {
    for (const words of [["prune"], ["agent", "stop", "--all"]]) {
      const ran = await service.teal(...words);
      expect(ran.code).toBe(2);
      expect(ran.err).toContain("TEAL-X011, exit 2");
    }
    expect((await service.teal("unlock")).err).toContain("unlock needs its reason");
    expect((await service.teal("unlock", "--reason", "gone", "--yes")).out).toContain(
      "Nobody holds the lease.",
    );
    expect((await service.teal("prune", "--yes")).code).toBe(0);
    expect((await service.teal("status")).out).toMatch(/serves on/u);
  });
});

describe("reverted after the cutover", () => {
  const service = new TestService({ strategy: "{ blueGreen: { bake: 20s, keepWarm: 10m, drain: 1s } }" });
  beforeAll(async () => {
    service.configure("{ blueGreen: { bake: 200ms, keepWarm: 10m, drain: 1s } }");
    expect((await service.teal("deploy", "v1")).code).toBe(0);
    service.configure("{ blueGreen: { bake: 20s, keepWarm: 10m, drain: 1s } }");
  });
  afterAll(() => service.dispose());

  test("failing checks in the bake send traffic back (4); the revision then needs --retry-reverted (3)", async () => {
    service.release("failsLater");
    const deploying = service.start("deploy", "v4");
    await visit(service, deploying.output);
    const ran = await deploying.ended;
    expect(ran.code).toBe(4);
    expect(ran.out).toMatch(/✗ bake/u);
    expect(ran.out).toMatch(/↩ revert {4}blue 100 %.* after the verdict/u);
    expect(ran.out).toContain("v4 reverted; v1 is live.");
    expect(ran.out).toMatch(/TEAL-B20[123], exit 4/u);
    const again = await service.teal("deploy", "v4");
    expect(again.code).toBe(3);
    expect(again.err).toContain("--retry-reverted");
    expect(again.err).toContain("v1 serves on blue.");
  });
});

/** One user, as soon as the candidate has the traffic. */
async function visit(service: TestService, output: () => string): Promise<void> {
  while (!output().includes("✓ cutover")) await new Promise((resolve) => setTimeout(resolve, 20));
  const address = resultOf(await service.teal("status", "--json"))["address"] as string;
  await fetch(`${address}/`);
}

describe("more than one hand", () => {
  const service = new TestService({ strategy: "{ blueGreen: { bake: 200ms, keepWarm: 0s, drain: 1s } }" });
  afterAll(() => service.dispose());

  test("a first deployment that is given up after the cutover has nothing to go back to: a human is needed (5)", async () => {
    service.configure("{ blueGreen: { bake: 20s, keepWarm: 0s, drain: 1s } }");
    const deploying = service.start("deploy", "v0");
    await shows(deploying.output, "✓ cutover");
    const aborted = await service.teal("abort");
    expect(aborted.code).toBe(5);
    expect(aborted.out).toContain("A person has to look.\n");
    expect(aborted.out).toContain("v0 serves on blue.");
    expect((await deploying.ended).code).toBe(5);
  });

  test("another deployment holds the service (7); a signal lets go safely (130); status follows; abort ends it (0)", async () => {
    const deploying = service.start("deploy", "v1");
    await shows(deploying.output, "✓ cutover");
    const busy = await service.teal("deploy", "v2");
    expect(busy.code).toBe(7);
    expect(busy.err).toContain("another deployment holds the service: r2 (v1)\n");
    expect(busy.err).toContain("TEAL-X007, exit 7");
    expect(busy.err).toContain("v1 serves on green.");

    const watching = service.start("status", "--watch");
    await shows(watching.output, "✓ cutover");
    expect(stepsOf(watching.output())).toEqual(stepsOf(deploying.output()));

    process.kill(deploying.pid, "SIGTERM");
    const interrupted = await deploying.ended;
    expect(interrupted.code).toBe(130);
    expect(interrupted.out).toContain("Interrupted; r2 is open and can be resumed. v1 serves on green.");
    expect(interrupted.out).toContain("Next: teal resume, or teal abort");
    // Also for the very revision that has the traffic: it is not proven, and waiting for nobody would be in vain.
    for (const revision of ["v1", "v2"]) {
      const left = await service.teal("deploy", revision, "--wait-lock", "10m");
      expect(left.code).toBe(7);
      expect(left.err).toContain("another deployment holds the service: r2 (v1), and nobody advances it\n");
      expect(left.err).toContain("Next: teal resume, or teal abort");
    }
    const status = resultOf(await service.teal("status", "--json"));
    expect(status).toMatchObject({ open: { number: 2, overdue: "nobody advances step bake-green" } });

    const aborted = await service.teal("abort");
    expect(aborted.code).toBe(0);
    expect(aborted.out).toMatch(/↩ revert {4}blue 100 %.* after the abort/u);
    expect((await watching.ended).out).toMatch(/v1 aborted by .*; v0 is live\./u);
  });

  test("--detach goes on in the background (6), and resume attaches to it", async () => {
    service.configure("{ blueGreen: { bake: 1s, keepWarm: 0s, drain: 1s } }");
    const ran = await service.teal("deploy", "v2", "--detach", "--json");
    expect(ran.code).toBe(6);
    expect(resultOf(ran)).toMatchObject({ is: "detached", exit: 6 });
    const resumed = await service.teal("resume");
    expect(resumed.code).toBe(0);
    expect(resumed.out).toMatch(/v2 is live on \w+\.|Nothing is under way/u);
    expect((await service.teal("status")).out).toContain("v2 serves on");
  });

  test("unlock takes the lease from a holder that lives: it stops at once (5), resume goes on (0), the journal says why", async () => {
    service.configure("{ blueGreen: { bake: 6s, keepWarm: 0s, drain: 1s } }");
    const deploying = service.start("deploy", "v3");
    await shows(deploying.output, "✓ cutover");
    const unlocked = await service.teal("unlock", "--reason", "operator is asleep", "--yes");
    expect(unlocked.out).toContain("The lease was taken from");
    expect(unlocked.code).toBe(0);
    const lost = await deploying.ended;
    expect(lost.code).toBe(5);
    expect(lost.err).toContain("v3 serves on");
    const resumed = await service.teal("resume", "-v");
    expect(resumed.code).toBe(0);
    expect(resumed.out).toContain("operator is asleep");
    expect(resumed.out).toContain("v3 is live on");
  });

  test("--timeout lets go and says so (6)", async () => {
    service.configure("{ blueGreen: { bake: 20s, keepWarm: 0s, drain: 1s } }");
    const ran = await service.teal("deploy", "v4", "--timeout", "2s");
    expect(ran.code).toBe(6);
    expect(ran.out).toContain("The time given by --timeout is over");
    expect((await service.teal("abort")).code).toBe(0);
  });

  test("waits at a gate (6), is promoted (0)", async () => {
    service.configure("{ blueGreen: { gate: [approval], bake: 200ms, keepWarm: 0s, drain: 1s } }");
    const ran = await service.teal("deploy", "v5");
    expect(ran.code).toBe(6);
    expect(ran.out).toContain("answer: teal promote, or teal abort");
    expect(ran.out).toContain("v3 serves on");
    const promoted = await service.teal("promote");
    expect(promoted.code).toBe(0);
    expect(promoted.out).toContain("v5 is live on");
  });

  test("a replica that crashes rejects at once (4)", async () => {
    service.release("crashes");
    const ran = await service.teal("deploy", "v6");
    expect(ran.code).toBe(4);
    expect(ran.out).toContain("TEAL-H103, exit 4");
  });

  test("a background process retires the previous slot when its time is over", async () => {
    service.configure("{ blueGreen: { bake: 200ms, keepWarm: 1s, drain: 1s } }");
    service.release("good");
    const ran = await service.teal("deploy", "v7");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("Back to v5");
    // Bounded by the test's deadline.
    while (resultOf(await service.teal("status", "--json"))["open"] !== undefined) continue;
    expect(resultOf(await service.teal("history", "--json"))).toMatchObject({
      rows: [{ revision: "v7", outcome: "done" }, {}, {}, {}, {}, {}, {}, {}],
    });
  });
});

/** Waits until the output holds the text; the command's own deadlines end it otherwise. */
async function shows(output: () => string, text: string): Promise<void> {
  while (!output().includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Signs and labels of the steps, without times. */
function stepsOf(out: string): readonly string[] {
  return out.split("\n").flatMap((line) => /([✓✗↩…] \S+)/u.exec(line)?.[1] ?? []);
}

describe("secrets", () => {
  const secret = "s3cr3t-Val+ue/0123456789";
  const service = new TestService({ env: { SHOP_SECRET: secret } });
  afterAll(() => service.dispose());

  test("appear in no output, in no journal and in none of Teal's own logs", async () => {
    const outputs: string[] = [];
    const say = async (...words: string[]) => {
      const ran = await service.teal(...words);
      outputs.push(ran.out, ran.err);
      return ran.code;
    };
    expect(await say("deploy", "v1")).toBe(0);
    service.release("unhealthy");
    expect(await say("deploy", "v2", "--json")).toBe(4);
    for (const words of [
      ["logs", "r2"],
      ["logs", "r2", "--json"],
      ["health"],
      ["status", "--json"],
      ["history", "--json"],
      ["check", "--json"],
      ["plan", "v2", "--json"],
    ])
      await say(...words);
    const all = outputs.join("\n");
    expect(all).toContain("refused with [redacted]");
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64").slice(0, 20),
    ]) {
      expect(all).not.toContain(form);
      for (const file of ownFiles(join(service.state, "shop.default")))
        expect(readFileSync(file).includes(form), file).toBe(false);
    }
  });
});

/** Every file Teal keeps, but for the releases with their environment and what replicas wrote themselves. */
function ownFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return ["releases", "logs", "replicas"].includes(entry.name) ? [] : ownFiles(path);
    return entry.isFile() && statSync(path).size > 0 ? [path] : [];
  });
}

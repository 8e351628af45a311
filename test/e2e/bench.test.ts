import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Report } from "../../bench/run.ts";

const number = expect.any(Number);
const spread = { count: number, p50: number, p99: number };

test("the bench measures what it promises; how much is not asked here", async () => {
  const file = join(import.meta.dirname, "../../bench/run.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick", "--json"], {
    timeout: 100_000,
  });
  const report = JSON.parse(stdout) as Report;
  const command = { p50: number, ratioToNode: number };
  const deploy = { first: number, next: { ...spread, count: 1 } };
  expect(report).toMatchObject({
    ways: {
      direct: { ratioToDirect: 1, requestsPerSecond: number },
      edge: { ratioToDirect: number, p50: number, p99: number, aloneP50: number },
    },
    switching: {
      acknowledgement: { ...spread, count: 10 },
      warmRollback: { ...spread, count: 1 },
      requests: number,
      failed: 0,
      wrongSlot: 0,
    },
    commands: {
      node: number,
      version: command,
      status: command,
      deploy: { minimal: deploy, default: deploy },
    },
  });
  if (process.platform === "linux") expect(report.ways["edge"]).toMatchObject({ cpu: number, rss: number });
  for (const name of ["haproxy", "caddy"]) {
    expect(report.ways[name] !== undefined || report.skipped.includes(`${name} is not installed`)).toBe(true);
  }
});

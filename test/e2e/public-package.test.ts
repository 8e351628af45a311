import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { rollback } from "../../src/api/steering.ts";
import { until } from "./processes.ts";
import { blueGreen, type Place } from "./place.ts";
import { complaints, outcomeOf, place, tell, versionsOf } from "./support.ts";

/**
 * A service nobody here wrote: two released versions of npm's `http-server`, which ends at once when it is told to,
 * whatever it is doing. Deployed from a plain folder, without git.
 */
const require = createRequire(import.meta.url);
const HEALTH =
  "health: { ready: /index.html, window: { of: 3, passes: 2, consecutive: 2, interval: 50ms, jitter: 0% } }";

/** Lets the service start the package that this manifest belongs to. @returns its version. */
function install(service: Place, manifest: string): string {
  writeFileSync(
    join(service.source, "start.cjs"),
    `require(${JSON.stringify(join(dirname(manifest), "bin/http-server"))});\n`,
  );
  return (require(manifest) as { version: string }).version;
}

test("http-server 14.1.0 is upgraded to 14.1.1 and rolled back under load without a lost request", async () => {
  const site = await place({
    command: "node start.cjs site -p {port} -a 127.0.0.1 -s",
    strategy: blueGreen("500ms"),
    health: HEALTH,
    replicas: 2,
  });
  mkdirSync(join(site.source, "site"));
  writeFileSync(
    join(site.source, "site/index.html"),
    "<!doctype html><title>Files</title>".padEnd(20_000, "\n"),
  );
  expect(install(site, require.resolve("http-server-previous/package.json"))).toBe("14.1.0");
  const first = await site.deploy(undefined);
  expect(outcomeOf(first), tell(first)).toBe("done");

  // It does not tell its version; the tag it gives a page differs from release to release, since the file does.
  const paths = { "keep-alive": "/index.html", fresh: "/index.html", checkout: "/index.html" };
  const users = await site.users({ streams: 0, paths, versionHeader: "etag" });
  await until("users to be served", () => users.answers.length > 200);
  const before = users.now;
  expect(install(site, require.resolve("http-server/package.json"))).toBe("14.1.1");
  const there = await site.deploy(undefined);
  expect(outcomeOf(there), tell(there)).toBe("warm");
  const upgraded = users.now;
  await until("users on the upgrade", () => users.now > upgraded + 300);
  const asked = users.now;
  const back = await rollback(site.connection, { signal: site.signal });
  expect(outcomeOf(back), tell(back)).toBe("reverted");
  const returned = users.now;
  await until("users after it", () => users.now > returned + 300);
  await users.stop();

  // Nobody can buy anything from it: that is its own answer, and a whole one.
  expect(complaints(users, ({ got, kind }) => got === 405 && kind === "checkout")).toEqual([]);
  const tags = (from: number, to: number) =>
    Object.keys(
      versionsOf(
        users.answers.filter(({ at, took, kind }) => kind !== "checkout" && at > from && at + took < to),
      ),
    );
  expect([tags(0, before).length, tags(upgraded, asked).length]).toEqual([1, 1]);
  expect(tags(upgraded, asked)).not.toEqual(tags(0, before));
  expect(tags(returned, Infinity)).toEqual(tags(0, before));
});

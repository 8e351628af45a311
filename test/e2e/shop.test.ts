import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

test("the shop's page shows the colour and the version of its release", async () => {
  const server = spawn(process.execPath, ["examples/shop/server.js", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(async () => {
    server.kill("SIGTERM");
    await once(server, "exit");
  });
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const page = await (await fetch(`http://127.0.0.1:${/listens on (\d+)/.exec(line)?.[1]}/`)).text();
  const release = JSON.parse(readFileSync("examples/shop/release.json", "utf8")) as {
    version: string;
    colour: string;
  };
  expect(page).toContain(`--accent: ${release.colour};`);
  expect(page).toContain(`<title>Shop ${release.version}</title>`);
  expect(page).not.toMatch(/\{\s*(?:colour|version|slot)/u);
});

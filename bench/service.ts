import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Place } from "../test/e2e/place.ts";

/** The least a service can be: one short answer, which names its revision. */
const SERVER = `import { createServer } from "node:http";
const headers = { "content-type": "text/plain", "content-length": "6", "x-shop-version": process.env.TEAL_REVISION };
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers).end("hello\\n");
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
`;

/** Checks that decide with the first answer, and the ones that a configuration has which says nothing about it. */
export const WINDOWS = {
  minimal: "health: { ready: /, window: { of: 1, passes: 1, consecutive: 1, interval: 10ms, jitter: 0% } }",
  default: "health: { ready: / }",
} as const;

export const PATHS = { "keep-alive": "/", fresh: "/", checkout: "/" } as const;

/** A place with that service, not yet deployed. The caller ends it. */
export async function trivialService(window: keyof typeof WINDOWS = "minimal"): Promise<Place> {
  const service = new Place();
  await service.prepare({
    command: "node server.mjs",
    health: WINDOWS[window],
    strategy: "{ blueGreen: { bake: 50ms, keepWarm: 10m } }",
  });
  writeFileSync(join(service.source, "server.mjs"), SERVER);
  return service;
}

/** Deploys and expects it to go well, also where it was gone back from before: the bench goes there and back. */
export async function mustDeploy(service: Place, revision: string): Promise<void> {
  const moved = await service.deploy(revision, { retryReverted: true });
  if (moved.is !== "ended" && moved.is !== "warm") throw new Error(`${revision}: ${JSON.stringify(moved)}`);
}

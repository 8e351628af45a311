import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { sharedCluster } from "../cluster/cluster.ts";
import { Place } from "./place.ts";

/* `teal init` looks at what runs, and what it writes is what the other commands take. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
afterEach(async () => {
  await place?.dispose();
  place = undefined;
});

test("init tells what it found and writes a teal.yaml that plans, a Role and a Job that the API server takes", async () => {
  place = await Place.open(cluster);
  const { namespace, folder } = place;
  await cluster.kubectl("create", "pdb", "shop", "-n", namespace, "--selector=app=shop", "--min-available=1");
  const from = ["init", "--from", "deployment/shop", "--context", "teal-test", "--namespace", namespace];
  const config = join(folder, "teal.yaml");
  rmSync(config);

  const printed = await place.teal(...from, "--print");
  expect(printed).toMatchObject({ code: 0, err: "" });
  expect(printed.out).toContain("Service shop reaches its pods (app=shop)");
  expect(printed.out).toContain("readiness probe: GET /health");
  expect(printed.out).toContain("PodDisruptionBudget shop covers its pods");
  expect(printed.out).toContain("is also written by kubectl apply");
  expect(existsSync(config)).toBe(false);

  const written = await place.teal(...from, "--role", "--postsync");
  expect(written).toMatchObject({ code: 0, err: "" });
  expect(parse(readFileSync(config, "utf8"))).toEqual({
    teal: 1,
    service: "shop",
    target: { kubernetes: { context: "teal-test", namespace, template: "deployment/shop" } },
    strategy: "blueGreen",
    health: { ready: "/health" },
  });
  const plan = await place.teal("plan", "v1");
  expect(plan).toMatchObject({ code: 0, err: "" });
  for (const file of ["teal-role.yaml", "gitops/postsync-job.yaml"])
    await cluster.kubectl(
      "apply",
      "--dry-run=server",
      "--validate=strict",
      "-n",
      namespace,
      "-f",
      join(folder, file),
    );
  const documents = parseAllDocuments(readFileSync(join(folder, "gitops/postsync-job.yaml"), "utf8"));
  expect(documents.map((each) => each.get("kind"))).toEqual([
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Job",
  ]);

  writeFileSync(config, "mine: 1\n");
  const again = await place.teal(...from);
  expect(again.code).toBe(2);
  expect(again.err).toContain("teal.yaml is there already; nothing was written");
  expect(readFileSync(config, "utf8")).toBe("mine: 1\n");
  expect((await place.teal(...from, "--yes")).code).toBe(0);
});

test("init says what it lacks (2), and what is not there (3)", async () => {
  place = await Place.open(cluster);
  const { namespace } = place;
  expect(await place.teal("init")).toMatchObject({ code: 2, err: expect.stringContaining("TEAL-X019") });
  const pinned = await place.teal("init", "--from", "deployment/shop");
  expect(pinned.err).toContain("--context is missing");
  const where = ["--context", "teal-test", "--namespace", namespace];
  const none = await place.teal("init", "--from", "deployment/cart", ...where);
  expect(none).toMatchObject({ code: 3, err: expect.stringContaining("there is no Deployment cart") });
});

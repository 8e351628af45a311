import { expect, test } from "vitest";
import type { Api } from "../api/api.ts";
import { BY } from "../api/testing.ts";
import { deployment, event, place, pod } from "./testing.ts";
import { Troubles } from "./troubles.ts";

const PASSWORD = "plum-tree-in-march";
const COLD = { status: { availableReplicas: 0, readyReplicas: 0 } };
const PRINTED = `Readiness probe failed: cannot log in with ${PASSWORD}`;

/** A pod that is given a Secret, whose probe prints it. @param secret what the API server says of the Secret. */
async function told(secret: object, message = PRINTED): Promise<{ text: string; reads: number }> {
  const environment = [{ name: "web", image: "i", envFrom: [{ secretRef: { name: "login" } }] }];
  const unready = pod("a");
  const given = {
    ...unready,
    spec: { ...unready.spec, containers: environment },
    status: { ...unready.status, conditions: [] },
  };
  let reads = 0;
  const api = {
    namespace: "shop",
    list: () => Promise.resolve({ is: "ok", value: { items: [event("a", "Unhealthy", message)] } }),
    get: () => {
      reads++;
      return Promise.resolve(secret);
    },
  } as unknown as Api;
  let now = 0;
  const troubles = new Troubles(api, () => now);
  const slot = place({ deployment: deployment(COLD), pods: [given] });
  await troubles.look(slot, BY);
  now = 5_000;
  return { text: JSON.stringify(await troubles.look(slot, BY)), reads };
}

test("what a probe's command printed is told without the pod's own secrets", async () => {
  const data = { password: Buffer.from(PASSWORD).toString("base64") };
  const { text } = await told({ is: "ok", value: { metadata: { name: "login" }, data } });
  expect(text).toContain("cannot log in with [redacted]");
});

test("where nobody knows what to hide, it is not told at all", async () => {
  const { text } = await told({ is: "unsent", cause: { code: "TEAL-K106", message: "" } });
  expect(text).not.toContain(PASSWORD);
  expect(text).toContain("Secret login");
});

test("no Secret is read for a probe that quotes nothing", async () => {
  const { text, reads } = await told({}, "Readiness probe failed: HTTP probe failed with statuscode: 503");
  expect(text).toContain("statuscode: 503");
  expect(reads).toBe(0);
});

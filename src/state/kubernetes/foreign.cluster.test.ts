import { describe, expect, test } from "vitest";
import { CLOSED, FIRST, row } from "../../../test/contract/history-fixture.ts";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
import { KEY, holder, note } from "../../../test/contract/store.ts";
import { EVENT_BOUND } from "../../core/bounds.ts";
import { deploymentId, fence } from "../../core/units.ts";
import { raiseEpoch } from "../../targets/kubernetes/anchor.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { journalName, leaseName } from "../../targets/kubernetes/names.ts";

const ID = deploymentId("d1");
const by = { signal: new AbortController().signal };
const on = storeTests();

describe("a Lease or a journal that somebody made or removed", () => {
  test("a Lease with nothing but an epoch is nobody's", async () => {
    const api = await on.api();
    expect(await raiseEpoch(api, KEY.service, fence(7), by)).toEqual({ is: "raised" });
    expect(await on.store.lease(KEY)).toEqual({ is: "none" });
    expect(await on.store.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 8 });
  });

  test("a Lease without annotations is nobody's", async () => {
    const api = await on.api();
    await api.create(
      paths.leases(on.namespace),
      { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: leaseName(KEY.service) } },
      by,
    );
    expect(await on.store.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 1 });
    expect(await on.store.beat(KEY, FIRST)).toEqual({ is: "held" });
  });

  test("without the Lease fences go on where they were", async () => {
    await on.store.take(KEY, holder("a"), "free");
    await on.store.take(KEY, holder("b"), { fence: FIRST, beat: 0 });
    await on.kubectl("delete", "lease", leaseName("shop"));
    expect(await on.store.beat(KEY, fence(2))).toEqual({ is: "lost", by: 0 });
    expect(await on.store.take(KEY, holder("c"), "free")).toEqual({ is: "taken", fence: 3 });
  });

  test("without Lease and journal fences go on above those that the slots know", async () => {
    await on.store.take(KEY, holder("a"), "free");
    await on.kubectl("delete", "lease,configmap", "-l", "teal.dev/service=shop");
    const template = {
      metadata: { labels: { a: "b" } },
      spec: { containers: [{ name: "web", image: "web" }] },
    };
    const created = await (
      await on.api()
    ).create(
      paths.deployments(on.namespace),
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "shop-blue", ...marks("41") },
        spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template },
      },
      by,
    );
    expect(created.is).toBe("ok");
    const other = await on.open();
    expect(await other.take(KEY, holder("b"), "free")).toEqual({ is: "taken", fence: 42 });
  });

  test("without its head the journal begins anew, with the numbers and fences that were next", async () => {
    await on.store.take(KEY, holder("a"), "free");
    for (const id of [ID, deploymentId("d2")]) {
      await on.store.open(KEY, id, note("open"));
      await on.store.close(KEY, id, 1, CLOSED, row(id, id === ID ? 1 : 2), FIRST);
    }
    await on.store.open(KEY, deploymentId("d3"), note("open"));
    await on.kubectl("delete", "configmap", journalName("shop"));
    expect(await on.store.append(KEY, deploymentId("d3"), 1, [note("a")], FIRST)).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-S112" },
    });
    expect(await on.store.open(KEY, deploymentId("d4"), note("open"))).toEqual({ is: "opened", number: 3 });
    expect(await on.store.append(KEY, deploymentId("d4"), 1, [note("a")], fence(0))).toEqual({
      is: "fenced",
      by: 1,
    });
    expect(await on.store.history(KEY, 10)).toEqual({
      is: "rows",
      rows: [row(deploymentId("d2"), 2), row(ID, 1)],
    });
    expect(await on.store.open(KEY, deploymentId("d2"), note("again"))).toEqual({ is: "taken", by: "d4" });
  });

  test("a head that is damaged, or of a later Teal, and a page that is gone", async () => {
    await on.store.open(KEY, ID, note("x".repeat(EVENT_BOUND - 100)));
    const read = async () => {
      const answer = await (await on.open()).current(KEY);
      return answer.is === "unavailable" && answer.cause.code;
    };
    const set = (data: object) =>
      on.kubectl("patch", "configmap", journalName("shop"), "--type=merge", "-p", JSON.stringify({ data }));
    expect(await read()).toBe(false);
    await on.kubectl("delete", "configmap", journalName("shop", 1));
    expect(await read()).toBe("TEAL-K404");
    await set({ state: JSON.stringify({ format: 2 }) });
    expect(await read()).toBe("TEAL-K402");
    await set({ state: "nothing of ours" });
    expect(await read()).toBe("TEAL-K403");
  });

  test("labels and annotations of others change nothing", async () => {
    const proxy = await on.proxy();
    const watched = await on.open(proxy.kubeconfig);
    await watched.open(KEY, ID, note("open"));
    for (const verb of ["label", "annotate"]) {
      await on.kubectl(verb, "configmap", journalName("shop"), "example.org/team=a");
    }
    proxy.forgetCounts();
    expect((await watched.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("appended");
    expect(proxy.counts()).toEqual({ "patch configmaps": 1 });
  });
});

function marks(epoch: string): object {
  return { labels: { "teal.dev/service": "shop" }, annotations: { "teal.dev/epoch": epoch } };
}

import { expect, test } from "vitest";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
import type { Secret } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { serviceKey } from "./key.ts";
import { keyName } from "./names.ts";

const by = { signal: new AbortController().signal };
const on = storeTests();

test("many who ask at once for the first time get one key, and so does who asks later", async () => {
  const apis = await Promise.all(Array.from({ length: 8 }, () => on.api()));
  const keys = await Promise.all(apis.map((api) => serviceKey(api, "shop", by)));
  const later = await serviceKey(await on.api(), "shop", by);
  if (later.is !== "key") throw new Error(later.cause.message);
  expect(later.key).toHaveLength(32);
  expect(keys).toEqual(Array(8).fill(later));
  expect(await serviceKey(await on.api(), "basket", by)).not.toEqual(later);
});

test("a key whose making was not answered is the one that was made", async () => {
  const proxy = await on.proxy();
  const api = await on.api(proxy.kubeconfig);
  proxy.next({ verb: "create", resource: "secrets" }, { is: "reset", when: "after" });
  const made = await serviceKey(api, "shop", by);
  expect(made.is).toBe("key");
  expect(proxy.pending()).toBe(0);
  expect(await serviceKey(await on.api(), "shop", by)).toEqual(made);
});

test("who may not read or make it is told which right is missing", async () => {
  const may = async (verbs: readonly string[]) => {
    const account = await on.cluster.serviceAccount(on.namespace, [
      { apiGroups: [""], resources: ["secrets"], verbs },
    ]);
    return serviceKey(await on.api(account), "shop", by);
  };
  expect(await may(["list"])).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K111" } });
  expect(await may(["get"])).toMatchObject({
    is: "unreadable",
    cause: { code: "TEAL-K111", message: expect.stringContaining("create secrets") },
  });
  expect((await may(["get", "create"])).is).toBe("key");
  expect((await may(["get"])).is).toBe("key");
});

test("a Secret that holds no key is not replaced", async () => {
  const api = await on.api();
  const secret = { metadata: { name: keyName("shop") }, data: { key: "c2hvcnQ=" } };
  await api.create<Secret>(paths.secrets(on.namespace), { apiVersion: "v1", kind: "Secret", ...secret }, by);
  expect(await serviceKey(api, "shop", by)).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K609" } });
  const after = await api.get<Secret>(paths.secrets(on.namespace, keyName("shop")), by);
  expect(after.is === "ok" && after.value.data).toEqual(secret.data);
});

import { expect, it } from "vitest";
import { paths } from "./paths.ts";
import { describeRequest, requestInfo } from "./request-info.ts";

it.each([
  ["GET", paths.pods("shop"), "list pods", "shop"],
  ["GET", `${paths.pods("shop")}?watch=1&labelSelector=a%3Db`, "watch pods", "shop"],
  ["GET", paths.pods("shop", "web-1"), "get pods web-1", "shop"],
  ["GET", paths.pods("shop", "web-1", "log"), "get pods/log web-1", "shop"],
  ["POST", paths.deployments("shop"), "create deployments", "shop"],
  ["PATCH", paths.deployments("shop", "shop-blue", "scale"), "patch deployments/scale shop-blue", "shop"],
  ["DELETE", paths.leases("shop", "teal-shop"), "delete leases teal-shop", "shop"],
  ["DELETE", paths.leases("shop"), "deletecollection leases", "shop"],
  ["PUT", "/apis/rbac.authorization.k8s.io/v1/clusterroles/x", "update clusterroles x", undefined],
  ["GET", "/api/v1/namespaces/shop", "get namespaces shop", undefined],
  ["GET", "/readyz?verbose", "get /readyz", undefined],
])("%s %s is to %s", (method, path, said, namespace) => {
  const info = requestInfo(method, path);
  expect(describeRequest(info, path)).toBe(said);
  expect(info.namespace).toBe(namespace);
});

it("names the group as roles do", () => {
  expect(requestInfo("GET", paths.httpRoutes("shop")).group).toBe("gateway.networking.k8s.io");
  expect(requestInfo("GET", paths.pods("shop")).group).toBe("");
});

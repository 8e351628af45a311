import { expect, test } from "vitest";
import { previewOf } from "./preview.ts";

const here = { service: "shop", namespace: "web" };

test("outside the cluster: a command that reaches the slot's own Service", () => {
  expect(previewOf({ ...here, access: { by: "context", context: "prod-eu" } }, "green", 80)).toBe(
    "kubectl --context prod-eu -n web port-forward service/shop-green 8080:80",
  );
});

test("names that a shell would take apart are quoted", () => {
  const access = { by: "context", context: "it's mine", kubeconfig: "/home/a b/config" } as const;
  expect(previewOf({ ...here, access }, "blue", 80)).toBe(
    String.raw`kubectl --kubeconfig '/home/a b/config' --context 'it'\''s mine' -n web port-forward service/shop-blue 8080:80`,
  );
});

test("inside the cluster: the Service's address", () => {
  expect(previewOf({ ...here, access: { by: "pod" } }, "green", 80)).toBe("http://shop-green.web.svc");
  expect(previewOf({ ...here, access: { by: "pod" } }, "green", 8080)).toBe("http://shop-green.web.svc:8080");
});

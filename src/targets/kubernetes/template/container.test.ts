import { describe, expect, test } from "vitest";
import type { PodSpec, Service } from "../api/objects.ts";
import { mainContainer, mainPort } from "./container.ts";

const WEB = {
  name: "web",
  ports: [
    { name: "http", containerPort: 8080 },
    { name: "admin", containerPort: 9000 },
  ],
};
const POD: PodSpec = {
  containers: [WEB, { name: "proxy", ports: [{ name: "public", containerPort: 8443 }] }],
};

function port(
  wanted: number | string | undefined,
  ports?: Service["spec"]["ports"],
  pod = POD,
  container = WEB,
) {
  const service = ports && { metadata: { name: "shop" }, spec: { ports } };
  return mainPort(pod, container, wanted, service, "shop.yaml:1:1");
}

describe("the port that users reach", () => {
  test("is the one that is set, by number or by its name in any container", () => {
    expect(port(7000)).toBe(7000);
    expect(port("admin")).toBe(9000);
    expect(port("public")).toBe(8443);
    expect(port("9001")).toBe(9001);
    expect(() => port("https")).toThrow('no container of shop.yaml:1:1 has a port named "https"');
    expect(() => port(70_000)).toThrow('"70000"');
  });

  test("else the one that the Service leads to", () => {
    expect(port(undefined, [{ port: 80, targetPort: "public" }])).toBe(8443);
    expect(port(undefined, [{ port: 80, targetPort: 9000 }])).toBe(9000);
    expect(port(undefined, [{ port: 8080 }])).toBe(8080);
  });

  test("else the container's only one, else the first that the Service leads to", () => {
    const one = { name: "web", ports: [{ containerPort: 8080 }, { containerPort: 53, protocol: "UDP" }] };
    const both = [
      { name: "metrics", port: 9090, targetPort: "admin" },
      { name: "http", port: 80, targetPort: 8080 },
    ];
    expect(port(undefined, undefined, { containers: [one] }, one as typeof WEB)).toBe(8080);
    expect(port(undefined, both, { containers: [one] }, one as typeof WEB)).toBe(8080);
    expect(port(undefined, both)).toBe(9000);
  });

  test("else must be set", () => {
    expect(() => port(undefined)).toThrow("container web of shop.yaml:1:1 has several ports (http, admin)");
    expect(() => port(undefined, undefined, POD, { name: "web" } as typeof WEB)).toThrow("declares no port");
  });
});

test("the container is the named one, else the only one; init containers are not asked", () => {
  const pod: PodSpec = { containers: [WEB], initContainers: [{ name: "wait" }] };
  expect(mainContainer(pod, undefined, "x").name).toBe("web");
  expect(mainContainer(POD, "proxy", "x").name).toBe("proxy");
  expect(() => mainContainer(POD, undefined, "x")).toThrow("x has 2 containers (web, proxy)");
  expect(() => mainContainer(pod, "wait", "x")).toThrow('x has no container "wait"; it has web');
});

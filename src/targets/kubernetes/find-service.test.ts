import { expect, test } from "vitest";
import type { Labels, Service } from "./api/objects.ts";
import { chooseService } from "./find-service.ts";
import { nobodySelector } from "./service-router/selectors.ts";
import { slotLabels } from "./names.ts";

const TEMPLATE = { app: "shop", tier: "web" };
const BLUE = { ...TEMPLATE, app: "shop-blue", ...slotLabels("shop", "blue") };

function service(
  name: string,
  selector: Labels | undefined,
  meta: Partial<Service["metadata"]> = {},
): Service {
  return { metadata: { name, ...meta }, spec: selector === undefined ? {} : { selector } };
}

test("before the first deployment: the one that selects the template's pods", () => {
  const all = [
    service("db", { app: "db" }),
    service("front", { app: "shop" }),
    service("outside", undefined),
  ];
  expect(chooseService(all, "shop", [TEMPLATE])).toEqual(["front"]);
});

test("of several: the one named after the service, else all of them, for a person to choose", () => {
  const all = [service("web", { tier: "web" }), service("internal", { app: "shop" })];
  expect(chooseService(all, "shop", [TEMPLATE])).toEqual(["internal", "web"]);
  expect(chooseService([...all, service("shop", TEMPLATE)], "shop", [TEMPLATE])).toEqual(["shop"]);
});

test("afterwards: the one that Teal moves, whoever it reaches; never a slot's own", () => {
  const claimed = { annotations: { "teal.dev/epoch": "3" } };
  const own = service("shop-blue", slotLabels("shop", "blue"), { labels: slotLabels("shop", "blue") });
  for (const selector of [
    slotLabels("shop", "blue"),
    nobodySelector("shop"),
    { "teal.dev/service": "shop" },
  ]) {
    const all = [own, service("front", selector, claimed), service("metrics", { tier: "web" })];
    expect(chooseService(all, "shop", [BLUE])).toEqual(["front"]);
  }
  expect(chooseService([own], "shop", [BLUE])).toEqual([]);
});

test("what another service's Teal moves is not ours", () => {
  const other = service("cart", slotLabels("cart", "blue"), { annotations: { "teal.dev/epoch": "1" } });
  expect(chooseService([other], "shop", [TEMPLATE])).toEqual([]);
});

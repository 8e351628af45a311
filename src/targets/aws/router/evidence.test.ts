import { describe, expect, test } from "vitest";
import { allTo, shareOf } from "../../../core/routing.ts";
import { instant } from "../../../core/units.ts";
import { type Counted, flatness } from "./counters.ts";
import { type Question, questionFor } from "./question.ts";
import { heldFor, pinsOf, stickinessFor } from "./stickiness.ts";

const MINUTE = 60_000;
const at = (minute: number) => instant(minute * MINUTE);
const counts = (values: Readonly<Record<number, number>>): readonly Counted[] =>
  Object.entries(values).map(([minute, value]) => ({ at: at(Number(minute)), value }));

describe("counts of whole minutes", () => {
  const to = allTo("green");
  const busy = counts({ 10: 500, 11: 500, 12: 500 });
  // The shift was at 10:30; the count of minute 12 is there from 14:00 on.
  const settled = instant(10.5 * MINUTE);

  test("silence of one slot while the other was asked something proves the shift", () => {
    const look = flatness(to, { blue: counts({ 10: 250 }), green: busy }, settled, at(13));
    expect(look).toEqual({
      is: "flat",
      detail: "blue was given no request while green was given 500 (CloudWatch)",
    });
  });
  test("a minute that is not whole, or not there yet, proves nothing", () => {
    const look = flatness(to, { blue: [], green: busy }, settled, instant(12.9 * MINUTE));
    expect(look.is).toBe("not shown");
  });
  test("silence of both proves nothing: minutes without requests are not reported at all", () => {
    const look = flatness(to, { blue: [], green: [] }, settled, at(20));
    expect(look).toMatchObject({ is: "not shown", missing: expect.stringContaining("no request of green") });
  });
  test("one request of the previous slot is told", () => {
    const look = flatness(to, { blue: counts({ 11: 1 }), green: busy }, settled, at(14));
    expect(look).toMatchObject({
      is: "not shown",
      missing: expect.stringContaining("blue was given 1 more"),
    });
  });
  test("shares cannot be told by them", () => {
    expect(flatness(shareOf("green", 10), { blue: [], green: busy }, settled, at(14)).is).toBe("not shown");
  });
});

describe("stickiness", () => {
  const on = { Enabled: true, DurationSeconds: 600 };
  const cut = { sticky: "cut", remembered: undefined } as const;
  test.each([
    ["cut, everything to one slot: off", allTo("green"), on, cut, { Enabled: false, DurationSeconds: 600 }],
    ["cut, divided: as it is", shareOf("green", 10), on, cut, undefined],
    ["cut, off already: as it is", allTo("green"), { Enabled: false }, cut, undefined],
    [
      "divided again after a cut: on, as it was",
      shareOf("green", 10),
      { Enabled: false },
      { sticky: "cut", remembered: 900 },
      { Enabled: true, DurationSeconds: 900 },
    ],
    [
      "waiting after a cut was configured before: on again",
      allTo("green"),
      { Enabled: false, DurationSeconds: 600 },
      { sticky: "wait", remembered: 900 },
      { Enabled: true, DurationSeconds: 600 },
    ],
    ["waiting: as it is", allTo("green"), on, { sticky: "wait", remembered: undefined }, undefined],
  ] as const)("%s", (_name, to, now, how, wanted) => {
    expect(stickinessFor(to, now, how)).toEqual(wanted);
  });
  test("what is held by cookies is the longest of any rule; stickiness to a target alone holds nobody", () => {
    expect(heldFor([on, { Enabled: true, DurationSeconds: 60 }, undefined])).toBe(600);
    const sticky = new Map([["stickiness.enabled", "true"]]);
    expect(pinsOf([{ Enabled: false }], { blue: sticky, green: new Map() })).toEqual({
      seconds: 0,
      byTarget: ["blue"],
    });
  });
});

describe("the question that a rule answers", () => {
  const listener = {
    arn: "l",
    port: 443,
    protocol: "HTTPS" as const,
    loadBalancer: { arn: "b", name: "shop-alb", dnsName: "shop.elb.example", subnets: [], internal: false },
  };
  const found = { arn: "r", isDefault: false, listener, name: "shop-alb:443", hosts: [], paths: [] };
  const actions = [{ Type: "forward" as const, Order: 2 }];
  const ask = (
    Conditions: object[],
    all: readonly { Type: "forward" | "authenticate-oidc"; Order: number }[] = actions,
  ) =>
    questionFor({ found, rule: { Conditions }, actions: all as never }, "/health") as Question & {
      why?: string;
    };

  test("a default rule is asked by the load balancer's own name", () => {
    expect(ask([])).toMatchObject({ host: "shop.elb.example", path: "/health", tls: true, port: 443 });
  });
  test.each([
    [
      { Field: "host-header", HostHeaderConfig: { Values: ["*.shop.example"] } },
      { host: "teal.shop.example" },
    ],
    [{ Field: "host-header", Values: ["shop.example"] }, { host: "shop.example" }],
    [{ Field: "path-pattern", PathPatternConfig: { Values: ["/api/*"] } }, { path: "/api/" }],
    [{ Field: "path-pattern", PathPatternConfig: { Values: ["/hea*"] } }, { path: "/health" }],
    [
      { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "X-Shop", Values: ["a?c"] } },
      { headers: { "x-shop": "axc" } },
    ],
    [
      { Field: "query-string", QueryStringConfig: { Values: [{ Key: "v", Value: "2*" }] } },
      { path: "/health?v=2" },
    ],
  ])("%j", (condition, wanted) => {
    expect(ask([condition])).toMatchObject(wanted);
  });
  test("what cannot be asked from here is told: a login, an address, a method", () => {
    expect(ask([], [{ Type: "authenticate-oidc", Order: 1 }, ...actions]).why).toMatch(/login/u);
    expect(ask([{ Field: "source-ip", SourceIpConfig: { Values: ["10.0.0.0/8"] } }]).why).toMatch(
      /source-ip/u,
    );
    expect(
      ask([{ Field: "http-request-method", HttpRequestMethodConfig: { Values: ["POST"] } }]).why,
    ).toMatch(/POST/u);
  });
});

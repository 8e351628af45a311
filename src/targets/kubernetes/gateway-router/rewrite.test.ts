import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allTo, NOBODY, type Shares, shareOf } from "../../../core/routing.ts";
import type { Slot } from "../../../core/units.ts";
import type { BackendRef, RouteRule } from "./http-route.ts";
import { type Backends, isManaged, isTestersRule } from "./refs.ts";
import { exposedAfter, exposedIn, hidden, rewrite, type Wish } from "./rewrite.ts";
import { meanShares, sharesOf } from "./shares.ts";

const BACKENDS: Backends = {
  namespace: "shop",
  slots: { blue: "shop-blue", green: "shop-green" },
  original: "shop",
};

function rules(before: readonly RouteRule[], wish: Wish, backends = BACKENDS): readonly RouteRule[] {
  const next = rewrite(before, wish, backends);
  if (next.is !== "rules") throw new Error(`rule ${next.rule} cannot express it`);
  return next.rules;
}

const SLOTS_RULE: RouteRule = {
  matches: [{ path: { type: "PathPrefix", value: "/" } }],
  backendRefs: [
    { group: "", kind: "Service", name: "shop-blue", port: 80, weight: 100 },
    { group: "", kind: "Service", name: "shop-green", port: 80, weight: 0 },
  ],
};

describe("adopting a route", () => {
  const original: RouteRule = {
    matches: [{ path: { type: "PathPrefix", value: "/" } }],
    backendRefs: [{ group: "", kind: "Service", name: "shop", port: 80, weight: 1 }],
    timeouts: { request: "10s" },
  };

  it("replaces the original Service's reference by the slot's that serves, with its port", () => {
    expect(rules([original], { to: allTo("blue") })).toEqual([
      {
        ...original,
        backendRefs: [{ group: "", kind: "Service", name: "shop-blue", port: 80, weight: 100 }],
      },
    ]);
  });

  it("refers to no slot that never ran: its Service is not there", () => {
    const adopted = rules([original], { to: allTo("blue") });
    expect(rules(adopted, { to: shareOf("green", 5) })[0]?.backendRefs).toEqual([
      { group: "", kind: "Service", name: "shop-blue", port: 80, weight: 95 },
      { group: "", kind: "Service", name: "shop-green", port: 80, weight: 5 },
    ]);
  });

  it("keeps the original reference for the slot whose pods it reaches, until it reaches none", () => {
    const adopted: Backends = { ...BACKENDS, originalReaches: "blue" };
    const shared = rules([original], { to: shareOf("green", 5) }, adopted);
    const names = (list: readonly RouteRule[]) =>
      list[0]?.backendRefs?.map((ref) => `${ref.name} ${ref.weight}`);
    expect(names(shared)).toEqual(["shop 95", "shop-green 5"]);
    const moved = rules(shared, { to: allTo("green") }, adopted);
    expect(names(moved)).toEqual(["shop 0", "shop-green 100"]);
    expect(names(rules(moved, { to: shareOf("blue", 10) }))).toEqual(["shop-green 90", "shop-blue 10"]);
  });

  it("leaves users where they are when no slot is to serve and none does", () => {
    expect(rules([original], { to: NOBODY })[0]).toBe(original);
  });

  it("keeps the place of the reference among others", () => {
    const [rule] = rules(
      [
        {
          backendRefs: [
            { name: "a", weight: 0 },
            { name: "shop", port: 80 },
            { name: "b", weight: 0 },
          ],
        },
      ],
      { to: allTo("green") },
    );
    expect(rule?.backendRefs?.map((ref) => `${ref.name} ${ref.weight}`)).toEqual([
      "a 0",
      "shop-green 100",
      "b 0",
    ]);
  });
});

describe("weights", () => {
  it("reads a single reference as everything, a missing one as nothing, an absent weight as 1", () => {
    expect(sharesOf({ backendRefs: [{ name: "shop-green", port: 80 }] }, BACKENDS)).toEqual(allTo("green"));
    const both = [{ name: "shop-blue" }, { name: "shop-green", weight: 3 }];
    expect(sharesOf({ backendRefs: both }, BACKENDS)).toEqual({ blue: 25, green: 75 });
    expect(sharesOf({ backendRefs: [{ name: "shop-blue", weight: 0 }] }, BACKENDS)).toEqual(NOBODY);
  });

  it("takes a Service of another namespace or a reference of another kind for foreign", () => {
    const refs: BackendRef[] = [
      { name: "shop-blue", namespace: "elsewhere" },
      { name: "shop-blue", group: "example.com", kind: "Bucket" },
    ];
    expect(isManaged({ backendRefs: refs }, BACKENDS)).toBe(false);
    expect(isManaged({ backendRefs: [{ name: "shop-blue", namespace: "shop" }] }, BACKENDS)).toBe(true);
  });

  it("keeps the share of a foreign backend", () => {
    const rule: RouteRule = {
      backendRefs: [
        { name: "shop-blue", weight: 40 },
        { name: "partner", weight: 60 },
      ],
    };
    const [next] = rules([rule], { to: shareOf("green", 25) });
    expect(next?.backendRefs).toEqual([
      { name: "shop-blue", weight: 30 },
      { name: "shop-green", weight: 10 },
      { name: "partner", weight: 60 },
    ]);
  });

  it("refuses shares that a sum beside a foreign backend cannot express, and names the rule", () => {
    const rule: RouteRule = { backendRefs: [{ name: "shop-blue" }, { name: "partner" }] };
    expect(rewrite([SLOTS_RULE, rule], { to: shareOf("green", 25) }, BACKENDS)).toEqual({
      is: "inexact",
      rule: 1,
    });
    expect(rewrite([rule], { to: allTo("green") }, BACKENDS).is).toBe("rules");
  });

  it("gives the whole weight to the first of several references to one slot", () => {
    const rule: RouteRule = {
      backendRefs: [
        { name: "shop-blue", weight: 1, filters: [] },
        { name: "shop-blue", weight: 1 },
        { name: "shop-green", weight: 0 },
      ],
    };
    const [next] = rules([rule], { to: shareOf("green", 10) });
    expect(next?.backendRefs?.map((ref) => ref.weight)).toEqual([90, 0, 10]);
  });

  it("tells the mean where rules differ, so that no slot that gets something looks idle", () => {
    expect(meanShares([allTo("blue"), allTo("blue")])).toEqual(allTo("blue"));
    expect(meanShares([allTo("blue"), allTo("green")])).toEqual({ blue: 50, green: 50 });
    expect(meanShares([NOBODY, allTo("green")])).toEqual(allTo("green"));
    expect(meanShares([NOBODY])).toEqual(NOBODY);
  });
});

describe("testers", () => {
  const testers = {
    header: { name: "X-Try", value: "1" },
    cookie: { name: "try", value: "yes" },
  };
  const api: RouteRule = {
    name: "api",
    matches: [{ path: { type: "PathPrefix", value: "/api" }, headers: [{ name: "X-Tenant", value: "a" }] }],
    filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set: [] } }],
    backendRefs: [{ name: "shop-blue", port: 80 }],
    timeouts: { request: "5s" },
  };

  it("get a copy of each divided rule that only they match, first in the list", () => {
    const next = rules([SLOTS_RULE, api], { to: allTo("blue"), exposed: "green", testers });
    expect(next.map((rule) => rule.name)).toEqual(["teal-testers-1", "teal-testers-2", undefined, "api"]);
    expect(next[1]).toEqual({
      ...api,
      name: "teal-testers-2",
      matches: [
        {
          path: { type: "PathPrefix", value: "/api" },
          headers: [
            { name: "X-Tenant", value: "a" },
            { type: "Exact", name: "X-Try", value: "1" },
          ],
        },
        {
          path: { type: "PathPrefix", value: "/api" },
          headers: [
            { name: "X-Tenant", value: "a" },
            { type: "RegularExpression", name: "Cookie", value: "^(.*; *)?try=yes(;.*)?$" },
          ],
        },
      ],
      backendRefs: [{ name: "shop-green", port: 80, weight: 1 }],
    });
  });

  it("are left out where a rule looks at the same header itself", () => {
    const rule: RouteRule = {
      matches: [{ headers: [{ name: "x-try", value: "other" }] }],
      backendRefs: [{ name: "shop-blue" }],
    };
    const next = rules([rule], { to: allTo("blue"), exposed: "green", testers: { header: testers.header } });
    expect(next).toHaveLength(1);
  });

  it("follow the candidate while the traffic is divided, and are gone when one slot has it all", () => {
    const at = (to: Shares, before: readonly RouteRule[]) => {
      const exposed = exposedAfter(to, exposedIn(before, BACKENDS), before, BACKENDS);
      return rules(before, { to, testers, ...(exposed === undefined ? {} : { exposed }) });
    };
    const exposedNow = (list: readonly RouteRule[]): Slot | undefined => exposedIn(list, BACKENDS);
    const some = at(shareOf("green", 5), [SLOTS_RULE]);
    expect(exposedNow(some)).toBe("green");
    const most = at(shareOf("green", 75), some);
    expect(exposedNow(most)).toBe("green");
    expect(at(allTo("green"), most).some(isTestersRule)).toBe(false);
    expect(at(allTo("blue"), most).some(isTestersRule)).toBe(false);
    expect(at(NOBODY, most).some(isTestersRule)).toBe(false);
    expect(exposedNow(at({ blue: 50, green: 50 }, [SLOTS_RULE]))).toBe("green");
  });

  it("are hidden without touching a weight", () => {
    const shown = rules([SLOTS_RULE, api], { to: allTo("blue"), exposed: "green", testers, mirror: true });
    const bare = rules([SLOTS_RULE, api], { to: allTo("blue") });
    expect(hidden(shown, BACKENDS)).toEqual(bare);
  });
});

describe("a mirror", () => {
  const ours = {
    type: "RequestMirror",
    requestMirror: { backendRef: { group: "", kind: "Service", name: "shop-green", port: 80 } },
  };
  const theirs = { type: "RequestMirror", requestMirror: { backendRef: { name: "audit", port: 80 } } };

  it("copies to the candidate only while it has no traffic of its own", () => {
    const [quiet] = rules([SLOTS_RULE], { to: allTo("blue"), exposed: "green", mirror: true });
    expect(quiet?.filters).toEqual([ours]);
    const [shared] = rules([quiet as RouteRule], { to: shareOf("green", 5), exposed: "green", mirror: true });
    expect(shared).not.toHaveProperty("filters");
  });

  it("of the user stays", () => {
    const rule = { ...SLOTS_RULE, filters: [theirs] };
    const [shown] = rules([rule], { to: allTo("blue"), exposed: "green", mirror: true });
    expect(shown?.filters).toEqual([theirs, ours]);
    expect(rules([shown as RouteRule], { to: allTo("green") })[0]?.filters).toEqual([theirs]);
  });
});

describe("for any route", () => {
  const foreignRef: fc.Arbitrary<BackendRef> = fc.record(
    {
      name: fc.constantFrom("partner", "audit", "legacy"),
      port: fc.constantFrom(80, 8080),
      weight: fc.constantFrom(0, 100, 400),
    },
    { requiredKeys: ["name", "port"] },
  );
  const ourRef: fc.Arbitrary<BackendRef> = fc.record(
    {
      name: fc.constantFrom("shop-blue", "shop-green", "shop"),
      port: fc.constantFrom(80, 8080),
      weight: fc.constantFrom(0, 100, 10_000),
      filters: fc.constant([{ type: "RequestHeaderModifier" }]),
    },
    { requiredKeys: ["name", "port"] },
  );
  const rule = (refs: fc.Arbitrary<BackendRef>): fc.Arbitrary<RouteRule> =>
    fc.record(
      {
        name: fc.constantFrom("a", "b", "checkout"),
        matches: fc.array(
          fc.record(
            {
              path: fc.record({ type: fc.constantFrom("Exact", "PathPrefix"), value: fc.webPath() }),
              headers: fc.constantFrom([{ name: "X-Tenant", value: "1" }], [{ name: "X-Try", value: "2" }]),
              method: fc.constantFrom("GET", "POST"),
            },
            { requiredKeys: [] },
          ),
          { minLength: 1, maxLength: 3 },
        ),
        filters: fc.constantFrom([{ type: "URLRewrite", urlRewrite: { hostname: "x" } }]),
        backendRefs: fc.array(refs, { minLength: 1, maxLength: 4 }),
        timeouts: fc.constant({ request: "1s" }),
      },
      { requiredKeys: ["backendRefs"] },
    );
  const route = fc.array(fc.oneof(rule(foreignRef), rule(fc.oneof(ourRef, foreignRef))), {
    minLength: 1,
    maxLength: 5,
  });
  const shares: fc.Arbitrary<Shares> = fc
    .integer({ min: 0, max: 100 })
    .map((share) => shareOf("green", share));
  const wish: fc.Arbitrary<Wish> = fc.record(
    {
      to: fc.oneof(shares, fc.constant(NOBODY)),
      exposed: fc.constantFrom<Slot>("blue", "green"),
      testers: fc.constant({ header: { name: "X-Try", value: "1" }, cookie: { name: "try", value: "1" } }),
      mirror: fc.boolean(),
    },
    { requiredKeys: ["to"] },
  );
  const backends = fc.constantFrom<Backends>(
    BACKENDS,
    { ...BACKENDS, originalReaches: "blue" },
    { ...BACKENDS, originalReaches: "green" },
  );
  const OURS = new Set(["shop", "shop-blue", "shop-green"]);
  const withoutOurs = ({ backendRefs = [], filters = [], ...rest }: RouteRule) => ({
    ...rest,
    filters: filters.filter((filter) => filter.type !== "RequestMirror"),
    backendRefs: backendRefs.filter((ref) => !OURS.has(ref.name)),
  });

  it("everything that is not ours stays byte for byte", () => {
    fc.assert(
      fc.property(route, wish, backends, (before, asked, of) => {
        const next = rewrite(before, asked, of);
        if (next.is === "inexact") return;
        const after = next.rules.filter((each) => !isTestersRule(each));
        expect(JSON.stringify(after.map(withoutOurs))).toBe(JSON.stringify(before.map(withoutOurs)));
        for (const [index, each] of before.entries()) {
          if (!isManaged(each, of)) expect(after[index]).toBe(each);
        }
      }),
    );
  });

  it("the shares that were asked for are the shares that are read", () => {
    fc.assert(
      fc.property(route, wish, backends, (before, asked, of) => {
        const next = rewrite(before, asked, of);
        if (next.is === "inexact") return;
        for (const each of next.rules) {
          if (!isTestersRule(each) && isManaged(each, of)) expect(sharesOf(each, of)).toEqual(asked.to);
        }
      }),
    );
  });

  it("fractions of a percent are exact too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999 }), (parts) => {
        const to = shareOf("green", parts / 10_000);
        const [next] = rules([SLOTS_RULE], { to });
        expect(sharesOf(next as RouteRule, BACKENDS).green).toBe(parts / 10_000);
      }),
    );
  });

  it("writing the same wish again changes nothing, whatever was there before", () => {
    fc.assert(
      fc.property(route, wish, wish, backends, (before, first, second, of) => {
        const once = rewrite(before, first, of);
        if (once.is === "inexact") return;
        const direct = rewrite(once.rules, second, of);
        if (direct.is === "inexact") return;
        expect(rewrite(direct.rules, second, of)).toEqual(direct);
      }),
    );
  });
});

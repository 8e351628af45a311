import type { Action } from "@aws-sdk/client-elastic-load-balancing-v2";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allTo, type Shares, shareOf } from "../../../core/routing.ts";
import { divisionOf, fulfilled, type Groups, rewritten, withoutWeights } from "./actions.ts";
import { sameShares } from "./shares.ts";

const groups: Groups = { blue: "arn:tg/blue", green: "arn:tg/green" };
const both = (blue: number, green: number): Action => ({
  Type: "forward",
  ForwardConfig: {
    TargetGroups: [
      { TargetGroupArn: groups.blue, Weight: blue },
      { TargetGroupArn: groups.green, Weight: green },
    ],
  },
});
const written = (actions: readonly Action[], to: Shares) => {
  const next = rewritten(actions, { to }, groups);
  if (next.is !== "actions") throw new Error(next.is);
  return next.actions;
};

describe("reading", () => {
  test("a single target group in the short form has everything", () => {
    expect(divisionOf([{ Type: "forward", TargetGroupArn: groups.blue }], groups)).toEqual({
      shares: allTo("blue"),
      complete: false,
    });
  });
  test("both forms at once, as AWS answers for one target group", () => {
    const action: Action = {
      Type: "forward",
      TargetGroupArn: groups.green,
      ForwardConfig: {
        TargetGroups: [{ TargetGroupArn: groups.green, Weight: 1 }],
        TargetGroupStickinessConfig: { Enabled: false },
      },
    };
    expect(divisionOf([action], groups)).toMatchObject({ shares: allTo("green"), complete: false });
  });
  test.each([
    [1, 0, { blue: 100, green: 0 }],
    [100, 0, { blue: 100, green: 0 }],
    [1, 3, { blue: 25, green: 75 }],
    [0, 0, { blue: 0, green: 0 }],
  ])("weights %i and %i are ratios", (blue, green, shares) => {
    expect(divisionOf([both(blue, green)], groups)).toMatchObject({ shares, complete: true });
  });
  test("a rule that forwards elsewhere, or nowhere, is not ours", () => {
    expect(divisionOf([{ Type: "forward", TargetGroupArn: "arn:tg/other" }], groups)).toBeUndefined();
    expect(
      divisionOf([{ Type: "redirect", RedirectConfig: { StatusCode: "HTTP_301" } }], groups),
    ).toBeUndefined();
    expect(rewritten([{ Type: "redirect" } as Action], { to: allTo("blue") }, groups)).toEqual({
      is: "unmanaged",
    });
  });
});

describe("writing", () => {
  test("the missing target group joins, the short form gives way", () => {
    expect(written([{ Type: "forward", Order: 1, TargetGroupArn: groups.blue }], allTo("blue"))).toEqual([
      {
        Type: "forward",
        Order: 1,
        ForwardConfig: {
          TargetGroups: [
            { TargetGroupArn: groups.blue, Weight: 100 },
            { TargetGroupArn: groups.green, Weight: 0 },
          ],
        },
      },
    ]);
  });
  test("a login keeps its client secret, which AWS never shows", () => {
    const login: Action = {
      Type: "authenticate-oidc",
      Order: 1,
      AuthenticateOidcConfig: {
        Issuer: "https://id.example",
        AuthorizationEndpoint: "https://id.example/a",
        TokenEndpoint: "https://id.example/t",
        UserInfoEndpoint: "https://id.example/u",
        ClientId: "shop",
      },
    };
    const [first, second] = written([login, { ...both(100, 0), Order: 2 }], allTo("green"));
    expect(first).toEqual({
      ...login,
      AuthenticateOidcConfig: { ...login.AuthenticateOidcConfig, UseExistingClientSecret: true },
    });
    expect(second?.Order).toBe(2);
  });
  test("a third target group keeps its part of the traffic", () => {
    const action = both(30, 0);
    action.ForwardConfig?.TargetGroups?.push({ TargetGroupArn: "arn:tg/legacy", Weight: 70 });
    expect(written([action], allTo("green"))[0]?.ForwardConfig?.TargetGroups).toEqual([
      { TargetGroupArn: groups.blue, Weight: 0 },
      { TargetGroupArn: groups.green, Weight: 30 },
      { TargetGroupArn: "arn:tg/legacy", Weight: 70 },
    ]);
    expect(rewritten([action], { to: shareOf("green", 1) }, groups)).toEqual({ is: "inexact" });
  });
  test("a tenth of a percent can be expressed, a third cannot", () => {
    expect(written([both(1, 0)], shareOf("green", 0.1))[0]?.ForwardConfig?.TargetGroups).toMatchObject([
      { Weight: 999 },
      { Weight: 1 },
    ]);
    expect(rewritten([both(1, 0)], { to: shareOf("green", 100 / 3) }, groups)).toEqual({ is: "inexact" });
  });
});

/** Actions as a rule may have them: logins before, one forward in either form with or without strangers in it. */
const tuples = fc.uniqueArray(
  fc.record({
    TargetGroupArn: fc.constantFrom(groups.blue, groups.green, "arn:tg/x", "arn:tg/y"),
    Weight: fc.integer({ min: 0, max: 999 }),
  }),
  { minLength: 1, maxLength: 4, selector: (each) => each.TargetGroupArn },
);
const forward: fc.Arbitrary<Action> = fc.oneof(
  fc
    .constantFrom(groups.blue, groups.green)
    .map((TargetGroupArn) => ({ Type: "forward" as const, TargetGroupArn })),
  fc
    .record({ TargetGroups: tuples, sticky: fc.option(fc.integer({ min: 1, max: 604_800 })) })
    .map(({ TargetGroups, sticky }) => ({
      Type: "forward" as const,
      ForwardConfig: {
        TargetGroups,
        ...(sticky === null
          ? {}
          : { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky } }),
      },
    })),
);
const login: fc.Arbitrary<Action> = fc.record({
  Type: fc.constant("authenticate-cognito" as const),
  Order: fc.integer({ min: 1, max: 10 }),
  AuthenticateCognitoConfig: fc.record({
    UserPoolArn: fc.string(),
    UserPoolClientId: fc.string(),
    UserPoolDomain: fc.string(),
  }),
});
const rules = fc.tuple(fc.array(login, { maxLength: 2 }), forward).map(([logins, last]) => [...logins, last]);
const shares = fc.integer({ min: 0, max: 100 }).map((share) => shareOf("green", share));

describe("for every rule and every share", () => {
  test("what is written is what is read, and everything else is what it was", () => {
    fc.assert(
      fc.property(rules, shares, (actions, to) => {
        const frozen = structuredClone(actions);
        const next = rewritten(actions, { to }, groups);
        expect(actions).toEqual(frozen);
        if (next.is !== "actions") return;
        expect(fulfilled(next.actions, to, groups)).toBe(true);
        expect(next.actions.map(({ Type }) => Type)).toEqual(actions.map(({ Type }) => Type));
        expect(withoutWeights(next.actions, groups, true)).toEqual(withoutWeights(actions, groups, true));
        const again = rewritten(next.actions, { to }, groups);
        expect(again).toEqual(next);
      }),
      { numRuns: 500 },
    );
  });
  test("without a stranger every whole percent can be written to a rule of ours", () => {
    fc.assert(
      fc.property(rules, shares, (actions, to) => {
        const division = divisionOf(actions, groups);
        const strangers =
          JSON.stringify(actions).includes("arn:tg/x") || JSON.stringify(actions).includes("arn:tg/y");
        fc.pre(division !== undefined && !strangers);
        expect(rewritten(actions, { to }, groups).is).toBe("actions");
      }),
      { numRuns: 300 },
    );
  });
  test("there and back again gives the same division", () => {
    fc.assert(
      fc.property(rules, (actions) => {
        const before = divisionOf(actions, groups);
        fc.pre(before !== undefined);
        const there = rewritten(actions, { to: allTo("green") }, groups);
        if (there.is !== "actions" || before === undefined) return;
        const back = rewritten(there.actions, { to: before.shares }, groups);
        if (back.is === "actions")
          expect(sameShares(divisionOf(back.actions, groups)?.shares ?? allTo("green"), before.shares)).toBe(
            true,
          );
      }),
      { numRuns: 300 },
    );
  });
});

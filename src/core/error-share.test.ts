import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorShare, exceeds, failAlike } from "./error-share.ts";

const LIMIT = { share: 0.01, minRequests: 20 };
const of = (failed: number, requests: number) => ({ failed, requests });

describe("errorShare", () => {
  it("gives the Wilson interval", () => {
    // Reference values: the roots of |p - x| = 2.576 sqrt(x (1 - x) / n), found by bisection.
    expect(errorShare(of(31, 508)).atLeast).toBeCloseTo(0.03891933, 8);
    expect(errorShare(of(31, 508)).atMost).toBeCloseTo(0.09444834, 8);
    expect(errorShare(of(1, 20)).atLeast).toBeCloseTo(0.00589713, 8);
  });

  it("holds the observed share for any counts, and knows nothing from none", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), (failed, passed) => {
        const { share, atLeast, atMost } = errorShare(of(failed, failed + passed));
        expect(atLeast).toBeLessThanOrEqual(share + 1e-9);
        expect(atMost).toBeGreaterThanOrEqual(share - 1e-9);
      }),
    );
    expect(errorShare(of(0, 0))).toEqual({ share: 0, atLeast: 0, atMost: 1 });
  });
});

describe("exceeds", () => {
  it("needs more than chance", () => {
    expect(exceeds(LIMIT, of(1, 20))).toBe(false);
    expect(exceeds(LIMIT, of(19, 19))).toBe(false);
    expect(exceeds(LIMIT, of(4, 20))).toBe(true);
    expect(exceeds(LIMIT, of(31, 508))).toBe(true);
    expect(exceeds(LIMIT, of(5, 508))).toBe(false);
  });
});

describe("failAlike", () => {
  it("is true for a fault that both share, also when one of them was asked little", () => {
    expect(failAlike(LIMIT, of(40, 98), of(12, 29))).toBe(true);
    expect(failAlike(LIMIT, of(200, 500), of(2, 5))).toBe(true);
  });

  it("is false for a slot that does well, or that failed once", () => {
    expect(failAlike(LIMIT, of(31, 508), of(0, 500))).toBe(false);
    expect(failAlike(LIMIT, of(31, 508), of(0, 0))).toBe(false);
    expect(failAlike(LIMIT, of(200, 500), of(1, 20))).toBe(false);
    expect(failAlike(LIMIT, of(200, 500), of(10, 500))).toBe(false);
  });
});

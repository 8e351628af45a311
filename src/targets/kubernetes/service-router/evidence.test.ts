import { describe, expect, test } from "vitest";
import { allTo, NOBODY } from "../../../core/routing.ts";
import type { EndpointSlice } from "../api/objects.ts";
import { lookAtSlices } from "./evidence.ts";

type Endpoint = NonNullable<EndpointSlice["endpoints"]>[number];

const PODS = { blue: new Set(["blue-1", "blue-2"]), green: new Set(["green-1", "green-2"]) };

const of = (uid: string, conditions: Endpoint["conditions"] = { ready: true }): Endpoint => ({
  addresses: ["10.1.1.1"],
  targetRef: { kind: "Pod", name: `pod-${uid}`, uid },
  ...(conditions === undefined ? {} : { conditions }),
});
const slice = (...endpoints: Endpoint[]): EndpointSlice => ({
  metadata: { name: "slice" },
  addressType: "IPv4",
  endpoints,
});
const look = (...slices: EndpointSlice[]) => lookAtSlices(slices, PODS, allTo("green"));

describe("slices agree", () => {
  test("when all ready endpoints are the candidate's", () => {
    expect(look(slice(of("green-1"), of("green-2")))).toEqual({
      agree: true,
      detail: "2 ready endpoints, all of green",
    });
  });

  test("over several slices and address families, each pod counted once", () => {
    const six = { ...slice(of("green-1"), of("green-2")), addressType: "IPv6" };
    expect(look(slice(of("green-1")), slice(of("green-2")), six)).toEqual({
      agree: true,
      detail: "2 ready endpoints, all of green",
    });
  });

  test("beside slices that are empty or have no list at all", () => {
    const { endpoints: _none, ...bare } = slice();
    expect(look(slice(), bare, slice(of("green-1")))).toMatchObject({ agree: true });
  });

  test("when conditions are absent: that means ready", () => {
    expect(look(slice({ addresses: ["10.1.1.1"], targetRef: { uid: "green-1" } })).agree).toBe(true);
    expect(look(slice(of("green-1", {}))).agree).toBe(true);
  });

  test("while one of the candidate's is not ready, or ends: it gets nothing", () => {
    const ending = of("green-2", { ready: false, serving: true, terminating: true });
    expect(look(slice(of("green-1"), ending))).toEqual({
      agree: true,
      detail: "1 of 2 ready endpoints, all of green",
    });
  });

  test("for a pool with endpoints of either slot", () => {
    expect(lookAtSlices([slice(of("blue-1"), of("green-1"))], PODS, "pool").agree).toBe(true);
  });

  test("for nobody when no endpoint is left", () => {
    expect(lookAtSlices([slice()], PODS, NOBODY).agree).toBe(true);
    expect(lookAtSlices([slice(of("blue-1"))], PODS, NOBODY).agree).toBe(false);
  });
});

describe("slices do not agree", () => {
  test("while one of them, of any family, still has the previous slot", () => {
    const stale = { ...slice(of("blue-1")), addressType: "IPv6" };
    expect(look(slice(of("green-1")), stale)).toEqual({ agree: false, detail: "endpoints still of blue" });
  });

  test("while an endpoint of the previous slot is there that is not ready or ends: the slice was not written anew", () => {
    expect(look(slice(of("green-1"), of("blue-1", { ready: false }))).agree).toBe(false);
    const ending = of("blue-1", { ready: false, serving: true, terminating: true });
    expect(look(slice(of("green-1"), ending)).agree).toBe(false);
  });

  test("with somebody else's pod, or an address that somebody wrote by hand", () => {
    expect(look(slice(of("green-1"), of("stranger")))).toEqual({
      agree: false,
      detail: "endpoints still of pod-stranger (of no slot)",
    });
    expect(look(slice({ addresses: ["10.9.9.9"] })).detail).toBe("endpoints still of 10.9.9.9 (of no slot)");
  });

  test("without any endpoint", () => {
    expect(look()).toEqual({ agree: false, detail: "no ready endpoint of green" });
    expect(look(slice())).toEqual({ agree: false, detail: "no ready endpoint of green" });
  });

  test("when every endpoint of the candidate is unready or ends", () => {
    const ending = of("green-2", { ready: false, serving: true, terminating: true });
    expect(look(slice(of("green-1", { ready: false }), ending)).agree).toBe(false);
  });

  test("when only publishNotReadyAddresses calls them ready", () => {
    const published = of("green-1", { ready: true, serving: false, terminating: false });
    const ending = of("green-2", { ready: true, serving: true, terminating: true });
    expect(look(slice(published, ending)).agree).toBe(false);
  });

  test("for a pool without a ready endpoint", () => {
    expect(lookAtSlices([slice(of("blue-1", { ready: false }))], PODS, "pool").agree).toBe(false);
  });
});

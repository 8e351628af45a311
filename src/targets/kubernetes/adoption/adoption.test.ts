import { describe, expect, it } from "vitest";
import { fence } from "../../../core/units.ts";
import { adoptable, marking, unmarking } from "./adoption.ts";
import type { Deployment, Labels, Service } from "../api/objects.ts";
import { ANNOTATIONS } from "../names.ts";
import { slotsOf, weightsOf } from "../service-router/selectors.ts";
import { isAdopted, ROLLOUT, slotRevision } from "../slots/revision.ts";

const SETTINGS = {
  service: "shop",
  template: { from: "live", deployment: "shop" },
} as const;

function deployment(name: string, labels: Labels, changes: Partial<Deployment["spec"]> = {}): Deployment {
  return {
    metadata: {
      name,
      uid: "0123456789ab",
      resourceVersion: "7",
      labels: { team: "shop" },
      annotations: { [ROLLOUT]: "3" },
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "registry.test:5000/shop:v1" }] },
      },
      ...changes,
    },
  };
}

function service(selector: Labels | undefined): Service {
  return { metadata: { name: "shop" }, spec: selector === undefined ? {} : { selector } };
}

const SHOP = deployment("shop", { app: "shop", tier: "web" });

function adopted(of: Deployment = SHOP, behind = service({ app: "shop" })): Deployment {
  const found = adoptable([of], behind, SETTINGS);
  if (found.is !== "adoptable") throw new Error(found.is);
  return found.deployment;
}

describe("what serves before Teal comes", () => {
  it("is blue, reached by the Service as it is, and runs what its image says", () => {
    const blue = adopted();
    expect(isAdopted(blue)).toBe(true);
    expect(slotRevision(blue)).toEqual({ id: "v1", config: "adopted-01234567.3" });
    const slots = slotsOf("shop", [blue]);
    expect(slots.blue.selector).toEqual({ app: "shop" });
    expect(weightsOf({ app: "shop" }, slots)).toEqual({ blue: 100, green: 0 });
    expect(blue.spec).toBe(SHOP.spec);
  });

  it("is told as what it runs now once somebody gave it another image", () => {
    const { metadata } = adopted();
    const { spec } = deployment(
      "shop",
      {},
      {
        template: { spec: { containers: [{ name: "web", image: "registry.test:5000/shop:v2" }] } },
      },
    );
    const changed = {
      metadata: { ...metadata, annotations: { ...metadata.annotations, [ROLLOUT]: "4" } },
      spec,
    };
    expect(slotRevision(changed)).toEqual({ id: "v2", config: "edited by somebody since it was adopted" });
  });

  it("is nothing without replicas, behind a Service of Teal's, or behind none", () => {
    const nothing = { is: "nothing" };
    expect(adoptable([SHOP], undefined, SETTINGS)).toEqual(nothing);
    expect(adoptable([SHOP], service(undefined), SETTINGS)).toEqual(nothing);
    expect(adoptable([SHOP], service({}), SETTINGS)).toEqual(nothing);
    expect(adoptable([SHOP], service({ app: "cart" }), SETTINGS)).toEqual(nothing);
    expect(adoptable([SHOP], service({ "teal.dev/service": "shop" }), SETTINGS)).toEqual(nothing);
    const empty = deployment("shop", { app: "shop" }, { replicas: 0 });
    expect(adoptable([empty], service({ app: "shop" }), SETTINGS)).toEqual(nothing);
  });

  it("has any name; of several it is the template, and without it nobody guesses", () => {
    const other = deployment("web", { app: "shop", track: "canary" });
    expect(adopted(other).metadata.name).toBe("web");
    const behind = service({ app: "shop" });
    expect(adoptable([other, SHOP], behind, SETTINGS)).toMatchObject({
      is: "adoptable",
      deployment: { metadata: { name: "shop" } },
    });
    const elsewhere = { ...SETTINGS, template: { from: "live", deployment: "x" } } as const;
    expect(adoptable([other, SHOP], behind, elsewhere)).toEqual({ is: "several", names: ["shop", "web"] });
  });

  it("runs a digest by its whole reference, and the named container's image", () => {
    const image = `registry.test/shop@sha256:${"a".repeat(64)}`;
    const containers = [
      { name: "proxy", image: "proxy:1" },
      { name: "web", image },
    ];
    const of = deployment(
      "shop",
      { app: "shop" },
      { template: { metadata: { labels: { app: "shop" } }, spec: { containers } } },
    );
    const found = adoptable([of], service({ app: "shop" }), { ...SETTINGS, container: "web" });
    expect(found.is === "adoptable" && slotRevision(found.deployment)?.id).toBe(image);
  });
});

describe("its marks", () => {
  it("are written onto its own metadata alone, if it is still what was read", () => {
    const patch = marking(adopted(), fence(5));
    expect(patch).toEqual({
      by: "merge",
      body: {
        metadata: {
          resourceVersion: "7",
          labels: { "teal.dev/service": "shop", "teal.dev/slot": "blue" },
          annotations: {
            [ANNOTATIONS.adopted]: JSON.stringify({ rollout: "3", container: "web" }),
            [ANNOTATIONS.revision]: JSON.stringify({ id: "v1", config: "adopted-01234567.3" }),
            [ANNOTATIONS.selector]: JSON.stringify({ app: "shop" }),
            [ANNOTATIONS.epoch]: "5",
          },
        },
      },
    });
  });

  it("all go again, and nothing else", () => {
    const { body } = unmarking(adopted()) as { body: { metadata: Record<string, object> } };
    expect(body.metadata["labels"]).toEqual({ "teal.dev/service": null, "teal.dev/slot": null });
    expect(Object.keys(body.metadata["annotations"] ?? {}).toSorted()).toEqual([
      "teal.dev/adopted",
      "teal.dev/revision",
      "teal.dev/selector",
    ]);
  });
});

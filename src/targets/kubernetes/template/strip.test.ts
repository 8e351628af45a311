import { describe, expect, test } from "vitest";
import { SLOTS } from "../../../core/units.ts";
import type { ConfigMap } from "../api/objects.ts";
import { renderSlot } from "./render.ts";
import { copyOf } from "./snapshot.ts";
import { podMetadata, withoutOwner } from "./strip.ts";
import { deployment, fixture, KEY, render } from "./testing.ts";

/** Marks by which tools find, prune, revert or change what they own. */
const TRACKING = {
  "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/shop",
  "argocd.argoproj.io/instance": "shop",
  "argocd.argoproj.io/sync-wave": "2",
  "app.kubernetes.io/instance": "shop",
  "app.kubernetes.io/managed-by": "Helm",
  "helm.sh/chart": "shop-0.4.1",
  "meta.helm.sh/release-name": "shop",
  "meta.helm.sh/release-namespace": "shop",
  "kustomize.toolkit.fluxcd.io/name": "apps",
  "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
  "kustomize.toolkit.fluxcd.io/prune": "disabled",
  "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
  "helm.toolkit.fluxcd.io/name": "shop",
  "fluxcd.io/automated": "true",
  "kapp.k14s.io/app": "1700000000",
  "keel.sh/policy": "major",
  "kubectl.kubernetes.io/last-applied-configuration": "{}",
  "deployment.kubernetes.io/revision": "7",
};
const USERS = { team: "checkout", "app.kubernetes.io/name": "shop", "example.com/keel.sh": "mine" };

describe("a copied tracking label gets the slot pruned: none survives", () => {
  const marks = { ...TRACKING, ...USERS };
  const rendered = render(deployment({ metadata: { name: "shop", labels: marks, annotations: marks } }));

  test.each(SLOTS)("on the Deployment and the Service of %s", (slot) => {
    const objects = renderSlot(rendered, slot);
    for (const { metadata } of [objects.deployment, objects.service])
      for (const key of Object.keys(TRACKING)) {
        expect(Object.keys(metadata.labels ?? {})).not.toContain(key);
        expect(Object.keys(metadata.annotations ?? {})).not.toContain(key);
      }
    expect(objects.deployment.metadata.labels).toMatchObject(USERS);
    expect(objects.deployment.metadata.annotations).toMatchObject(USERS);
  });

  test("on a copy of a tracked ConfigMap, which has no mark but Teal's", () => {
    const content: ConfigMap = {
      metadata: { name: "env", labels: marks, annotations: marks },
      data: { a: "b" },
    };
    const made = copyOf({ kind: "ConfigMap", name: "env", optional: false, keys: [] }, content, KEY, "store");
    const { labels, annotations } = made?.object?.metadata ?? {};
    expect([...Object.keys(labels ?? {}), ...Object.keys(annotations ?? {})]).toEqual([
      "teal.dev/service",
      "teal.dev/part",
      "teal.dev/origin",
    ]);
  });

  test("of a chart's own labels, those that say who owns it", () => {
    const { deployment: made } = renderSlot(render(fixture("helm")), "blue");
    expect(Object.keys(made.metadata.labels ?? {})).toEqual([
      "app.kubernetes.io/name",
      "app.kubernetes.io/version",
      "teal.dev/service",
      "teal.dev/slot",
    ]);
  });
});

describe("pods", () => {
  test("keep every label, since Services and policies select by them, and a restart's annotation", () => {
    const restarted = { "kubectl.kubernetes.io/restartedAt": "2026-11-23T10:00:00Z" };
    const { labels, annotations } = podMetadata({
      labels: TRACKING,
      annotations: { ...TRACKING, ...restarted },
    });
    expect(labels).toEqual(TRACKING);
    expect(annotations).toEqual(restarted);
  });

  test("of a template that was a slot lose that slot's marks", () => {
    const { labels } = podMetadata({ labels: { app: "shop", "teal.dev/slot": "blue" } });
    expect(labels).toEqual({ app: "shop" });
  });
});

test("nothing to strip, nothing there", () => {
  expect(withoutOwner(undefined)).toEqual({});
  expect(withoutOwner(USERS)).toEqual(USERS);
});

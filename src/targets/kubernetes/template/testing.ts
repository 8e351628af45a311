import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "../api/objects.ts";
import type { RenderedRevision } from "./rendered.ts";
import { renderRevision, type Rendering } from "./revision.ts";
import { pick, type Template } from "./source.ts";

/** A key as a service has one. */
export const KEY = Buffer.from("a key for tests, which nobody else has");

export const SETTINGS: Rendering["settings"] = {
  service: "store",
  routing: { by: "service", service: "shop" },
};

/** What a chart or an overlay prints, read as the source reads it. */
export function fixture(name: "helm" | "kustomize"): Template {
  const text = readFileSync(join(import.meta.dirname, `fixtures/${name}.yaml`), "utf8");
  return read(text, `${name}.yaml`);
}

/** A template from the text of its documents; throws what would be refused. */
export function read(text: string, source = "shop.yaml", deployment?: string): Template {
  const answer = pick(text, source, deployment, { namespace: "shop" });
  if (answer.is === "refused") throw new Error(answer.cause.message);
  return answer.template;
}

/** A small Deployment, one of its parts changed. */
export function deployment(change: {
  readonly pod?: object;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly metadata?: object;
}): Template {
  const labels = change.labels ?? { app: "shop" };
  const object: Deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", ...change.metadata },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "web", image: "registry.example/shop:v1", ports: [{ containerPort: 8080 }] }],
          ...change.pod,
        },
      },
      ...change.spec,
    },
  };
  return { origin: "shop.yaml:1:1", deployment: object, own: object.spec.selector, beside: [] };
}

export function render(template: Template, change: Partial<Rendering> = {}): RenderedRevision {
  return renderRevision({
    template,
    settings: SETTINGS,
    name: "v2",
    services: [],
    others: [],
    avoid: [],
    copies: [],
    key: KEY,
    ...change,
  });
}

import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { SLOTS } from "../../../core/units.ts";
import type { Service } from "../api/objects.ts";
import { TemplateError } from "./refused.ts";
import { renderSlot } from "./render.ts";
import { copyOf, wantedBy } from "./snapshot.ts";
import { pick } from "./source.ts";
import { KEY, render, SETTINGS } from "./testing.ts";

/*
 * Files are written by people: whatever stands where something else should is refused with words or left to the API
 * server, and never a fault of Teal.
 */

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const DOCUMENTS = ["helm", "kustomize"].map((name) =>
  parseAllDocuments(readFileSync(join(import.meta.dirname, `fixtures/${name}.yaml`), "utf8"))
    .map((document) => document.toJS() as Json)
    .filter((value) => value !== null),
);

/** Every place in a document. */
function pathsIn(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.keys(value).flatMap((key) =>
    pathsIn((value as Record<string, Json>)[key] ?? null, [...path, key]),
  );
  return [path, ...inner];
}

function replaced(value: Json, path: readonly (string | number)[], by: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string, Json>;
  copy[key] = replaced(copy[key] ?? null, rest, by);
  return copy as Json;
}

const mutated = fc.constantFrom(...DOCUMENTS).chain((list) =>
  fc
    .tuple(
      fc
        .nat(list.length - 1)
        .chain((at) => fc.tuple(fc.constant(at), fc.constantFrom(...pathsIn(list[at] ?? null)))),
      fc.oneof(
        fc.jsonValue({ maxDepth: 2 }),
        fc.constantFrom(null, "", [], {}, 0, [null], [[]], { a: null }),
      ),
    )
    .map(([[at, path], by]) => list.map((each, i) => (i === at ? replaced(each, path, by as Json) : each))),
);

/** From the text to the slots' objects; what was refused, or nothing. */
function rendered(documents: readonly Json[]): string | undefined {
  const text = documents.map((each) => JSON.stringify(each)).join("\n---\n");
  const read = pick(text, "shop.yaml", undefined, { namespace: "shop" });
  if (read.is === "refused") return read.cause.message;
  const { template } = read;
  try {
    const copies = wantedBy(template.deployment.spec.template.spec, []).flatMap((wanted) => {
      const content = template.beside.find(
        ({ kind, metadata }) => kind === wanted.kind && metadata.name === wanted.name,
      );
      return copyOf(wanted, content, KEY, "store")?.copied ?? [];
    });
    const services = template.beside.filter((object): object is Service => object.kind === "Service");
    const settings = {
      ...SETTINGS,
      container: template.deployment.spec.template.spec.containers[0]?.name ?? "",
    };
    const revision = render(template, { settings, copies, services });
    for (const slot of SLOTS) renderSlot(revision, slot, 1);
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
}

test("whatever stands wherever in a template, it is rendered or refused with words", () => {
  const refusals = { yes: 0, no: 0 };
  fc.assert(
    fc.property(mutated, (documents) => {
      const why = rendered(documents);
      refusals[why === undefined ? "no" : "yes"]++;
      expect(why === undefined || why.length > 10).toBe(true);
    }),
    { numRuns: 300 },
  );
  // Both happen, or this shows nothing.
  expect(Math.min(refusals.yes, refusals.no)).toBeGreaterThan(20);
});

import type { Shape, Shapes } from "../shape.ts";
import { COLUMNS } from "./columns.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { INDEXES } from "./indexes.ts";
import { OBJECTS } from "./objects.ts";
import { PARTITIONS } from "./partitions.ts";
import { TABLES } from "./tables.ts";
import { TYPES } from "./types.ts";

/** Headings of docs/locks.md, in their order. */
export const TOPICS: readonly { readonly title: string; readonly shapes: Shapes }[] = [
  { title: "Columns", shapes: COLUMNS },
  { title: "Types", shapes: TYPES },
  { title: "Constraints", shapes: CONSTRAINTS },
  { title: "Indexes", shapes: INDEXES },
  { title: "Partitions and inheritance", shapes: PARTITIONS },
  { title: "Tables and rows", shapes: TABLES },
  { title: "Triggers, views and everything else", shapes: OBJECTS },
];

/** Every shape by its id. */
export const SHAPES: ReadonlyMap<string, Shape> = new Map(
  TOPICS.flatMap(({ shapes }) => Object.entries(shapes)).map(([id, shape]) => [
    id,
    typeof shape === "string" ? { sql: shape } : shape,
  ]),
);

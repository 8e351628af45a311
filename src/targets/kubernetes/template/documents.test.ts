import { describe, expect, test } from "vitest";
import { readDocuments } from "./documents.ts";

function objects(text: string) {
  const read = readDocuments(text, "shop.yaml");
  if (read.is === "invalid") throw new Error(read.problems.join("\n"));
  return read.found;
}

function problems(text: string): readonly string[] {
  const read = readDocuments(text, "shop.yaml");
  return read.is === "invalid" ? read.problems : [];
}

describe("documents", () => {
  test("are told with their positions; comments and empty ones are none", () => {
    const text = `# a chart's comment\n---\nkind: A\nmetadata: { name: a }\n---\n# disabled\n---\n\n---\nkind: B\nmetadata:\n  name: b\n`;
    expect(objects(text).map(({ object, at }) => [object.kind, object.metadata.name, at])).toEqual([
      ["A", "a", "shop.yaml:3:1"],
      ["B", "b", "shop.yaml:10:1"],
    ]);
    expect(objects("")).toEqual([]);
    expect(objects("# nothing\n")).toEqual([]);
  });

  test("a List is taken apart, also one in another and one in JSON", () => {
    const inner = { kind: "ConfigMapList", items: [{ kind: "ConfigMap", metadata: { name: "b" } }] };
    const list = { kind: "List", items: [{ kind: "Service", metadata: { name: "a" } }, inner] };
    expect(objects(JSON.stringify(list)).map(({ object }) => object.metadata.name)).toEqual(["a", "b"]);
    const yaml = "kind: List\nitems:\n- kind: A\n  metadata: {name: a}\n- kind: B\n  metadata: {name: b}\n";
    expect(objects(yaml).map(({ at }) => at)).toEqual(["shop.yaml:3:3", "shop.yaml:5:3"]);
  });

  test("positions inside an object, of the nearest thing that is there", () => {
    const [found] = objects("kind: A\nmetadata:\n  name: a\nspec:\n  list:\n  - x: 1\n  - z: 2\n");
    expect(found?.where("spec", "list", 1, "z")).toBe("shop.yaml:7:8");
    expect(found?.where("spec", "list", 7, "z")).toBe("shop.yaml:6:3");
    expect(found?.where("nothing")).toBe("shop.yaml:1:1");
  });
});

describe("values are read as kubectl reads them", () => {
  function value(text: string): unknown {
    const [found] = objects(`kind: A\nmetadata: { name: a }\nv: ${text}\n`);
    return (found?.object as { v?: unknown } | undefined)?.v;
  }

  test.each([
    ["0440", 288],
    ["0o440", 288],
    ["-0o10", -8],
    ["0x10", 16],
    ["1_000", 1000],
    ["yes", true],
    ["off", false],
    ["'yes'", "yes"],
    ["22:22", "22:22"],
    ["1:30:00", "1:30:00"],
    ["190:20:30.15", "190:20:30.15"],
    ["2026-11-23", "2026-11-23"],
    ["2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"],
    ["1e3", 1000],
    ["~", null],
  ])("%s is %j", (text, expected) => {
    expect(value(text)).toStrictEqual(expected);
  });

  test("merge keys are merged", () => {
    const text = "kind: A\nmetadata: { name: a }\nbase: &base { x: 1 }\nv: { <<: *base, z: 2 }\n";
    expect(objects(text)[0]?.object).toMatchObject({ v: { x: 1, z: 2 } });
  });
});

describe("what is wrong is told with file, line and column", () => {
  test.each([
    ["kind: A\nmetadata: { name: a\n", "shop.yaml:3:1: not valid YAML"],
    ["kind: A\nkind: B\nmetadata: { name: a }\n", "shop.yaml:2:1: not valid YAML: map keys must be unique"],
    ["kind: A\nmetadata:\n\tname: a\n", "shop.yaml:3:1: not valid YAML: tabs are not allowed"],
    ["- a\n- b\n", "shop.yaml:1:1: not a Kubernetes object"],
    ["kind: A\nmetadata: {name: a}\n---\njust text\n", "shop.yaml:4:1: not a Kubernetes object"],
    ["metadata: { name: a }\n", "shop.yaml:1:1: not a Kubernetes object: it has no kind"],
    ["kind: A\nmetadata: { labels: {} }\n", "shop.yaml:1:1: A without metadata.name"],
    ["kind: List\nitems:\n- kind: A\n- 7\n", "shop.yaml:3:3: A without metadata.name"],
  ])("%j", (text, problem) => {
    expect(problems(text)[0]).toContain(problem);
  });

  test("an alias bomb is refused, not unfolded", () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const items = Array.from({ length: 9 }, () => (i === 0 ? "x" : `*l${i - 1}`)).join(", ");
      return `l${i}: &l${i} [${items}]`;
    });
    const text = `kind: A\nmetadata: { name: a }\n${levels.join("\n")}\n`;
    expect(problems(text)[0]).toMatch(/^shop\.yaml:1:1: excessive alias count/);
  });
});

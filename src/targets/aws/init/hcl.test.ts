import hcl from "hcl2-parser";
import { expect, test } from "vitest";
import { block, code, comment, identifier, render, set } from "./hcl.ts";
import { secondName } from "./terraform.ts";

test("what is written means what was meant, whatever the values hold", () => {
  const odd = 'a "quoted" ${var.x} %{if} \\ line\nbreak';
  const text = render([
    comment("two\nlines"),
    block(
      "resource",
      ["t", "n"],
      [
        set("odd", odd),
        set("list", [1, true, "x", code("local.y")]),
        set("map", { "a/b": "c" }),
        block("inner", [], [set("x", 1)]),
      ],
    ),
  ]);
  // Read back without its escapes: nothing in `odd` was taken for a template.
  const resource = { odd, list: [1, true, "x", "${local.y}"], map: { "a/b": "c" }, inner: [{ x: 1 }] };
  expect((hcl.parseToObject(text) as [unknown])[0]).toEqual({ resource: { t: { n: [resource] } } });
});

test("the parser refuses what is none: a test that always passed would prove nothing", () => {
  expect((hcl.parseToObject('resource "a" {{ x = ') as [unknown])[0]).toBeNull();
});

test("names", () => {
  expect(identifier("shop.v2")).toBe("shop_v2");
  expect(identifier("9shop")).toBe("teal_9shop");
  expect(secondName("shop-blue", "green")).toBe("shop-green");
  expect(secondName("shop", "green")).toBe("shop-green");
  const long = secondName("a".repeat(32), "green");
  expect(long).toHaveLength(32);
  expect(long.endsWith("-green")).toBe(true);
});

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

/*
 * Every relative link of every page leads to a file, and every anchor to a heading. Addresses elsewhere are not asked:
 * a test that needs the network fails for reasons of its own.
 */

const ROOT = join(import.meta.dirname, "../..");

const PAGES = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((page) => page !== "" && existsSync(join(ROOT, page)));

/** The text without code, where brackets mean something else. */
function prose(markdown: string): string {
  return markdown.replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "code");
}

/** Targets of `[text](target)` that are not on the web. */
function localLinks(markdown: string): readonly string[] {
  const targets = [...prose(markdown).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target ?? "");
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** A heading's anchor as GitHub makes it: lower case, blanks to dashes, everything else but letters and digits gone. */
function anchors(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.replace(/^```[^]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm)];
  return new Set(
    headings.map(([, text = ""]) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** What is wrong with a link on `page`; undefined when it leads somewhere. */
function broken(page: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, file))) return `${link}: there is no ${file}`;
  if (anchor === undefined || !file.endsWith(".md")) return undefined;
  return anchors(readFileSync(join(ROOT, file), "utf8")).has(anchor)
    ? undefined
    : `${link}: no such heading in ${file}`;
}

test("there are pages, and they have links", () => {
  expect(PAGES).toContain("README.md");
  expect(PAGES.flatMap((page) => localLinks(readFileSync(join(ROOT, page), "utf8"))).length).toBeGreaterThan(
    30,
  );
});

test.each(PAGES)("every relative link of %s leads somewhere", (page) => {
  const links = localLinks(readFileSync(join(ROOT, page), "utf8"));
  expect(links.map((link) => broken(page, link)).filter((problem) => problem !== undefined)).toEqual([]);
});

test("every page of docs is in its index", () => {
  const index = localLinks(readFileSync(join(ROOT, "docs/README.md"), "utf8"));
  const missing = PAGES.filter((page) => /^docs\/[^/]+\.md$/.test(page) && page !== "docs/README.md").filter(
    (page) => !index.includes(page.slice("docs/".length)),
  );
  expect(missing).toEqual([]);
});

describe("links are read as people click them", () => {
  test("in text and around code, not inside code or fences", () => {
    const text = "[a](x.md) [`b`](y.md#z) `[c](no.md)`\n```\n[d](no.md)\n```\n[e](https://example.com)";
    expect(localLinks(text)).toEqual(["x.md", "y.md#z"]);
  });

  test("anchors", () => {
    expect([...anchors("# A `b` c\n## What, now?\n```\n# no\n```\n")]).toEqual(["a-b-c", "what-now"]);
  });

  test("a link into nothing, and to a heading that is not there", () => {
    expect(broken("docs/health.md", "nowhere.md")).toContain("there is no docs/nowhere.md");
    expect(broken("docs/health.md", "#nowhere")).toContain("no such heading");
    expect(broken("docs/health.md", "#identity")).toBeUndefined();
  });
});

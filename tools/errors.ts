import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes `docs/errors.md` from its parts in `docs/errors.d`, one part for each area of the code:
 *
 *     ## TEAL-X101 short title
 *     Meaning: what is wrong.
 *     Who serves: what users get now.
 *     Next: what to do.
 */

const ROOT = join(import.meta.dirname, "..");
const PARTS = join(ROOT, "docs/errors.d");
export const PAGE = join(ROOT, "docs/errors.md");

const LINES = ["Meaning", "Who serves", "Next"] as const;

const PREAMBLE = `# Error codes

Generated from \`docs/errors.d\` by \`npm run errors\`; change the parts, not this page.

Every message of Teal that ends something carries one of these codes. The letter says whose it is, the number never
changes its meaning, and a number that is no longer used is not given out again. How a command ended is also its exit
status: 0 done, 1 a bug, 2 usage or configuration, 3 refused before any write, 4 rejected or reverted while the previous
revision serves, 5 a human is needed, 6 waiting, 7 another deployment holds the service, 130 interrupted.
`;

export interface ErrorEntry {
  readonly code: string;
  readonly title: string;
  /** What stands below the heading, without blank lines around it. */
  readonly text: string;
  /** The part's file name. */
  readonly part: string;
}

/** Reads one part; says what is wrong with it by its file name and heading. */
export function readPart(part: string, markdown: string): readonly ErrorEntry[] {
  return markdown
    .split(/^(?=## )/m)
    .filter((section) => section.startsWith("## "))
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      const [, code, title] = /^## (TEAL-[A-Z]\d{3})[:,]? (\S.*)$/.exec(heading) ?? [];
      if (code === undefined || title === undefined) {
        throw new Error(`${part}: "${heading}" is not "## TEAL-<letter><3 digits> <title>"`);
      }
      const text = lines.join("\n").trim();
      const missing = LINES.filter((line) => !new RegExp(`^${line}: \\S`, "m").test(text));
      if (missing.length > 0) throw new Error(`${part}: ${code} lacks a line "${missing.join(`:", "`)}:"`);
      return { code, title, text, part };
    });
}

/** Every entry of every part, sorted by code. */
export function readEntries(): readonly ErrorEntry[] {
  return readdirSync(PARTS)
    .filter((name) => name.endsWith(".md"))
    .toSorted()
    .flatMap((name) => readPart(name, readFileSync(join(PARTS, name), "utf8")))
    .toSorted((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
}

/** The page: a heading for each code, its three lines a paragraph each. */
export function renderPage(entries: readonly ErrorEntry[]): string {
  const paragraphs = (text: string) =>
    text.replaceAll(new RegExp(`\\n+(?=(${LINES.join("|")}):)`, "g"), "\n\n");
  const sections = entries.map(({ code, title, text }) => `## ${code} ${title}\n\n${paragraphs(text)}\n`);
  return [PREAMBLE, ...sections].join("\n");
}

if (import.meta.main) writeFileSync(PAGE, renderPage(readEntries()));

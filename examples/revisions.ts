import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The four releases of the demo, as a team would make them: small commits, each with a tag. */
export const REVISIONS = {
  v1: { colour: "#0f766e", change: "Open the shop" },
  v2: { colour: "#1d4ed8", change: "Paint the shop blue" },
  /** Reads a variable that nobody sets: it starts, and its database check says so for ever. */
  v3: { colour: "#7c3aed", change: "Rename the orders variable" },
  /** Passes every check and breaks where only users look: a cart with two kinds of things cannot be paid. */
  v4: { colour: "#b91c1c", change: "Take vouchers" },
} as const;

export type RevisionName = keyof typeof REVISIONS;

/**
 * Makes a git repository of the shop with the tags v1 to v4 in `folder`.
 * @throws when git is missing or fails; the message is git's own.
 */
export function makeRepository(shop: string, folder: string): void {
  const git = (...args: string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false", ...args],
      { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
    );
  cpSync(shop, folder, { recursive: true });
  git("init", "--quiet", "--initial-branch=main");
  for (const name of Object.keys(REVISIONS) as RevisionName[]) {
    cpSync(shop, folder, { recursive: true });
    edit(name, folder);
    git("add", "--all");
    git("commit", "--quiet", "--message", REVISIONS[name].change);
    git("tag", name);
  }
}

function edit(name: RevisionName, folder: string): void {
  writeFileSync(
    join(folder, "release.json"),
    `${JSON.stringify({ version: name, colour: REVISIONS[name].colour })}\n`,
  );
  if (name === "v3") replaceIn(join(folder, "orders.js"), "env.SHOP_ORDERS", "env.ORDERS_FILE");
  if (name === "v4")
    replaceIn(join(folder, "checkout.js"), "return { lines, total: format(total) };", BROKEN_TOTAL);
}

const BROKEN_TOTAL = `const voucher = lines.length % 2 === 0 ? undefined : { cents: 0 };
  return { lines, total: format(total - voucher.cents) };`;

function replaceIn(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  if (!text.includes(from)) throw new Error(`${file} has changed: it does not contain ${from}`);
  writeFileSync(file, text.replaceAll(from, to));
}

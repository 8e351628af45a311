import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SHOP = join(import.meta.dirname, "../../examples/shop");

/** What a team might have changed in the shop: a file, what stood there, what stands there now. */
type Edit = readonly [file: string, from: string, to: string];

/** Releases of the shop. Each is the shop of `examples/shop` with its own version, and with these changes. */
const EDITS = {
  v1: [],
  v2: [],
  v3: [],
  /** Reads a variable that nobody sets: it starts, and its database check says so for ever. */
  unhealthy: [["orders.js", "env.SHOP_ORDERS", "env.ORDERS_FILE"]],
  /** Passes every check; whoever buys gets a 500. */
  unsellable: [["checkout.js", "product.cents * count", "product.price.cents * count"]],
  /** Forgot to commit a file: ends at once. */
  crashing: [["server.js", 'from "./checkout.js"', 'from "./cart.js"']],
  /** Does something for so long before it listens that there is time to think better of it. */
  slow: [
    [
      "server.js",
      'server.listen(port, process.env.HOST ?? "127.0.0.1", ',
      'setTimeout(() => server.listen(port, "127.0.0.1"), 60_000, ',
    ],
  ],
  /** Cannot reach its database, and says too much about it. */
  talkative: [
    [
      "orders.js",
      "async problem() {",
      "async problem() {\n      console.error(`no database at ${env.DATABASE_URL} for ${env.API_TOKEN}`);\n      return `cannot reach ${env.DATABASE_URL} with ${env.API_TOKEN}`;",
    ],
  ],
} as const satisfies Readonly<Record<string, readonly Edit[]>>;

export type RevisionName = keyof typeof EDITS;

/** Makes a git repository of the shop in the empty `folder`: a commit and a tag for each name. */
export function makeRepository(folder: string, names: readonly RevisionName[]): void {
  git(folder, "init", "--quiet", "--initial-branch=main");
  for (const name of names) {
    cpSync(SHOP, folder, { recursive: true });
    writeFileSync(join(folder, "release.json"), `${JSON.stringify({ version: name, colour: "#0f766e" })}\n`);
    for (const [file, from, to] of EDITS[name]) edit(join(folder, file), from, to);
    git(folder, "add", "--all");
    git(folder, "commit", "--quiet", "--message", `Release ${name}`);
    git(folder, "tag", name);
  }
}

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  if (!text.includes(from))
    throw new Error(`${file} does not contain ${from} any more: this edit must follow it`);
  writeFileSync(file, text.replace(from, to));
}

function git(folder: string, ...args: readonly string[]): void {
  const person = ["-c", "user.name=Shop", "-c", "user.email=shop@example.com", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...person, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}

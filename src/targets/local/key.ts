import { createHmac, randomBytes } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Layout } from "./layout.ts";

/**
 * 16 hex digits that tell values apart without telling what is in them: secrets cannot be guessed from it. The key is
 * made with the first digest; the service's folder must be there.
 */
export function keyedDigest(layout: Layout, value: unknown): string {
  return createHmac("sha256", readKey(layout)).update(JSON.stringify(value)).digest("hex").slice(0, 16);
}

function readKey(layout: Layout): Buffer {
  if (!existsSync(layout.keyFile)) {
    const made = `${layout.keyFile}.${process.pid}`;
    writeFileSync(made, randomBytes(32).toString("hex"), { mode: 0o600, flush: true });
    try {
      linkSync(made, layout.keyFile); // the first one wins: another key would make every release look changed
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      rmSync(made, { force: true });
    }
  }
  return Buffer.from(readFileSync(layout.keyFile, "utf8").trim(), "hex");
}

import { readFileSync } from "node:fs";

/**
 * The version of the package this file belongs to. An agent of another version than the command that needs it is
 * restarted, so that both speak the same language.
 */
export function packageVersion(): string {
  // As deep as this file may lie: src/targets, dist/lib/targets, dist/bin/chunks.
  for (let up = new URL("./", import.meta.url); up.pathname !== "/"; up = new URL("../", up)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL("package.json", up), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (name === "teal-deploy" && version !== undefined) return version;
    } catch {
      continue; // none here
    }
  }
  return "unknown";
}

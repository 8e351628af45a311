import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const NAMES = ["teal.yaml", "teal.yml"];

/** The nearest configuration file from `folder` upwards. */
export async function findConfig(folder: string): Promise<string | undefined> {
  for (let here = folder; ; here = dirname(here)) {
    for (const name of NAMES) {
      const file = join(here, name);
      if (
        await access(file).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
    if (dirname(here) === here) return undefined;
  }
}

/** A folder's name as the name of a service. */
export function folderName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 50)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "service" : name;
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Revision } from "../../core/units.ts";
import type { Layout } from "./layout.ts";

/** `<id>-<first 8 digits of the config digest>`; an id that is no plain file name is altered and gets a digest of itself. */
export function releaseName(revision: Revision): string {
  const plain = revision.id
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^\./, "-")
    .slice(0, 60);
  const unique =
    plain === revision.id
      ? plain
      : `${plain}~${createHash("sha256").update(revision.id).digest("hex").slice(0, 8)}`;
  return `${unique}-${revision.config.slice(0, 8)}`;
}

export function releaseFolder(layout: Pick<Layout, "releases">, revision: Revision): string {
  return join(layout.releases, releaseName(revision));
}

import { join } from "node:path";
import type { Json } from "./client.ts";

/**
 * What an image name of a test stands for. `teal.test/<program>:<tag>` runs a program of this folder; a container with a
 * command of its own runs that, whatever its image; every other image cannot be pulled.
 */
export type Image =
  | {
      readonly is: "program";
      readonly command: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly is: "missing"; readonly why: string };

const WEB = join(import.meta.dirname, "web.ts");
const SHOP = join(import.meta.dirname, "shop.ts");
const ECHO = join(import.meta.dirname, "echo.ts");
const REPOSITORY = "teal.test/";

/** Each is web.ts, told how to behave. */
const WEB_IMAGES = new Set(["web", "crash", "never-ready", "failing", "errors"]);

/** What the conformance tests of the Gateway API ask for. */
const ECHO_IMAGES = new Set([
  "registry.k8s.io/gateway-api/echo-basic",
  "gcr.io/k8s-staging-gateway-api/echo-basic",
  "registry.k8s.io/coredns/coredns",
]);

export function imageOf(container: Json): Image {
  const reference = String(container.image ?? "");
  const { name, tag } = parseReference(reference);
  if (name === `${REPOSITORY}missing`) return missing(reference);
  const own: readonly string[] = container.command ?? [];
  const args: readonly string[] = container.args ?? [];
  if (own.length > 0) return { is: "program", command: [...own, ...args], env: {} };
  const program = name.startsWith(REPOSITORY) ? name.slice(REPOSITORY.length) : "";
  const env = { TEAL_TEST_IMAGE: program, TEAL_TEST_REVISION: tag };
  if (WEB_IMAGES.has(program)) return { is: "program", command: [process.execPath, WEB, ...args], env };
  if (ECHO_IMAGES.has(name)) return { is: "program", command: [process.execPath, ECHO, ...args], env: {} };
  if (program === "shop") return { is: "program", command: [process.execPath, SHOP, ...args], env };
  return missing(reference);
}

function missing(reference: string): Image {
  return {
    is: "missing",
    why: `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}": ${reference}: not found`,
  };
}

/** `host/name:tag@sha256:digest`; a digest alone gives a short tag. */
export function parseReference(reference: string): { readonly name: string; readonly tag: string } {
  const [tagged = "", digest] = reference.split("@sha256:");
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/"));
  const name = colon === -1 ? tagged : tagged.slice(0, colon);
  const tag = colon === -1 ? (digest?.slice(0, 12) ?? "latest") : tagged.slice(colon + 1);
  return { name, tag };
}

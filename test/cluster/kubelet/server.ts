import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KUBELET_PORT } from "../place.ts";
import type { Pod } from "./pod.ts";

/** What the API server asks a kubelet for: `/containerLogs/<namespace>/<pod>/<container>`. */
export function serve(pods: ReadonlyMap<string, Pod>, key: Buffer, cert: Buffer): void {
  const server = createServer({ key, cert }, (request, response) => {
    answer(pods, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(KUBELET_PORT, "0.0.0.0");
}

async function answer(
  pods: ReadonlyMap<string, Pod>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "https://kubelet");
  const [, what, namespace, name, container = ""] = pathname.split("/").map(decodeURIComponent);
  if (what !== "containerLogs") return void response.writeHead(404).end(`no ${pathname} here\n`);
  const pod = [...pods.values()].find((each) => each.name === `${namespace}/${name}`);
  const log = pod?.container(container)?.log(pod.folder, searchParams.get("previous") === "true");
  const text = log === undefined ? undefined : await readFile(log, "utf8").catch(() => undefined);
  if (text === undefined) {
    const why = `container "${container}" in pod "${name}" has no logs here`;
    return void response.writeHead(400).end(`${why}\n`);
  }
  response.writeHead(200, { "content-type": "text/plain" }).end(tail(text, searchParams.get("tailLines")));
}

function tail(text: string, lines: string | null): string {
  if (lines === null) return text;
  const all = text.split("\n");
  const last = all.at(-1) === "" ? 1 : 0;
  return Number(lines) === 0 ? "" : all.slice(-(Number(lines) + last)).join("\n");
}

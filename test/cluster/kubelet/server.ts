import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import { DELAY_PATH, KUBELET_PORT } from "../place.ts";
import type { DelayLine } from "./delay-line.ts";
import { chosen } from "./log.ts";
import type { Pod } from "./pod.ts";

/** What the API server asks a kubelet for, `/containerLogs/<namespace>/<pod>/<container>`, and what tests ask of it. */
export function serve(
  pods: ReadonlyMap<string, Pod>,
  line: DelayLine,
  certificate: { readonly key: Buffer; readonly cert: Buffer },
): void {
  const server = createServer(certificate, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "https://kubelet");
    if (pathname === DELAY_PATH) {
      line.set(Number(searchParams.get("ms")));
      return void response.writeHead(204).end();
    }
    logs(pods, pathname, searchParams, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(KUBELET_PORT, "0.0.0.0");
}

async function logs(
  pods: ReadonlyMap<string, Pod>,
  pathname: string,
  searchParams: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const [, what, namespace, name, container = ""] = pathname.split("/").map(decodeURIComponent);
  if (what !== "containerLogs") return void response.writeHead(404).end(`no ${pathname} here\n`);
  const pod = [...pods.values()].find((each) => each.name === `${namespace}/${name}`);
  const log = pod?.container(container)?.log(pod.folder, searchParams.get("previous") === "true");
  const text = log === undefined ? undefined : await readFile(log, "utf8").catch(() => undefined);
  if (text === undefined) {
    const why = `container "${container}" in pod "${name}" has no logs here`;
    return void response.writeHead(400).end(`${why}\n`);
  }
  response.writeHead(200, { "content-type": "text/plain" }).end(chosen(text, searchParams));
}

import { readJson } from "../files.ts";
import { layoutAt } from "../layout.ts";
import type { ServiceFile } from "../protocol.ts";
import { serveRpc } from "../rpc.ts";
import { control } from "./control.ts";
import { Edge } from "./edge.ts";
import { Front } from "./front.ts";
import { PUBLIC_FD, PREVIEW_FD } from "./holding.ts";

/**
 * The data plane of one service, a child of its holder: `main <folder>`. The holder's words come as messages:
 * `serve` (take over the control and the listening sockets) and `drain` (leave both to the successor, answer
 * `released`, finish what is in flight, end).
 */
const root = process.argv[2];
if (root === undefined || process.send === undefined) {
  console.error("TEAL-E101 the edge is started by its holder: teal agent");
  process.exit(2);
}
process.send("loaded");
process.once("message", () => {
  serve(root).catch((error: unknown) => {
    console.error(error instanceof Error && error.message.startsWith("TEAL-") ? error.message : error);
    process.exit(1);
  });
});

async function serve(folder: string): Promise<void> {
  const layout = layoutAt(folder);
  const service = readJson<ServiceFile>(layout.serviceFile);
  if (service === undefined) throw new Error(`TEAL-E104 ${layout.serviceFile} is missing: the edge does not know its policies`);
  const edge = new Edge(service.edge, layout);
  const fronts = [new Front(edge, "public", PUBLIC_FD), new Front(edge, "preview", PREVIEW_FD)] as const;
  const restored = edge.members.restore();
  await Promise.all(fronts.map((front) => front.listen()));
  await serveRpc(layout.edgeSocket, control(edge, { version: "1", public: fronts[0].address, preview: fronts[1].address }));
  await restored;
}

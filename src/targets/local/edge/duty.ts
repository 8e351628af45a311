import type { Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { packageVersion } from "../version.ts";
import type { Layout } from "../layout.ts";
import type { ServiceFile } from "../protocol.ts";
import { type Handlers, serveRpc } from "../rpc.ts";
import { control, drainControl } from "./control.ts";
import { Edge } from "./edge.ts";
import { Front } from "./front.ts";
import { PREVIEW_FD, PUBLIC_FD } from "./holding.ts";
import { drainSocket } from "./residual.ts";
import { spawnHolder } from "./start.ts";

const LOOK_MS = 50;
/** After SIGTERM requests may take so long to finish. */
const END_MS = 3_000;

/** The life of an edge: it begins, serves, and drains when another one takes over, or ends. */
export class Duty {
  readonly #layout: Layout;
  readonly #edge: Edge;
  readonly #fronts: readonly [Front, Front];
  #control: Control | undefined;
  #over = false;

  /** @throws TEAL-E102 when the route record is corrupt */
  constructor(layout: Layout, service: ServiceFile) {
    this.#layout = layout;
    this.#edge = new Edge(service.edge, layout);
    this.#fronts = [new Front(this.#edge, "public", PUBLIC_FD), new Front(this.#edge, "preview", PREVIEW_FD)];
  }

  async begin(): Promise<void> {
    const restored = this.#edge.members.restore();
    await Promise.all(this.#fronts.map((front) => front.listen()));
    const [publicly, preview] = this.#fronts.map((front) => front.address) as [string, string];
    const hello = { version: packageVersion(), public: publicly, preview };
    const { edgeSocket } = this.#layout;
    this.#control = await Control.listen(edgeSocket, control(this.#edge, edgeSocket, hello));
    await restored;
  }

  /** Lets another edge take over, then ends when the last connection did. */
  async drain(): Promise<void> {
    if (this.#over) return;
    await this.#prepare();
    this.#letGo();
    process.send?.("released");
    await this.#finish();
  }

  /** The holder is gone: makes a new one, which brings its own edge, and drains. */
  async orphaned(): Promise<void> {
    if (this.#over) return;
    try {
      await this.#prepare();
      // Before this edge falls silent, so that at every moment there is a holder or an edge that answers.
      spawnHolder(this.#layout, [PUBLIC_FD, PREVIEW_FD]);
    } catch (error) {
      this.#over = false;
      console.error("edge: goes on without a holder, since", error);
      return;
    }
    this.#letGo();
    await this.#finish();
  }

  /** Ends for good: streams at once, requests within a moment. */
  async end(): Promise<void> {
    this.#over = true;
    this.#edge.draining = true;
    this.#stop();
    this.#control?.close();
    this.#edge.streams.endAll();
    await Promise.race([this.#finish(() => this.#closeIdle()), sleep(END_MS)]);
    process.exit(0);
  }

  async #prepare(): Promise<void> {
    this.#over = true;
    await Control.listen(drainSocket(this.#layout.edgeSocket, process.pid), drainControl(this.#edge));
  }

  /** From here on the successor's word holds, which stands in the files. */
  #letGo(): void {
    this.#edge.draining = true;
    this.#control?.close();
    this.#stop();
    this.#edge.streams.drain();
  }

  #stop(): void {
    for (const front of this.#fronts) front.stop();
  }

  #closeIdle(): void {
    for (const front of this.#fronts) front.closeIdle();
  }

  async #finish(eachTime?: () => void): Promise<never> {
    for (;;) {
      eachTime?.();
      const open = await Promise.all(this.#fronts.map((front) => front.connections()));
      if (open[0] === 0 && open[1] === 0 && this.#edge.members.inFlight === 0) process.exit(0);
      await sleep(LOOK_MS);
    }
  }
}

/** A control socket that can be closed together with its connections. */
class Control {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async listen(path: string, handlers: Handlers): Promise<Control> {
    return new Control(await serveRpc(path, handlers));
  }

  /** Answers that were given still go out; clients connect again, to the successor. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.end();
  }
}

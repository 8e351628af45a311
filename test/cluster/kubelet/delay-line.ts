import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";

interface Waiting {
  at: number;
  readonly act: () => void;
}

/**
 * A way to the API server on which everything that the server says arrives late; what is asked goes at once. To the
 * program behind it, this is a network with a long way back: no byte is changed, lost or taken out of its order.
 */
export class DelayLine {
  readonly #lines = new Set<Waiting[]>();
  #ms = 0;

  /** Milliseconds from now on. What waits already waits no longer than that. */
  set(ms: number): void {
    this.#ms = ms;
    const latest = performance.now() + ms;
    for (const line of this.#lines) {
      for (const each of line) each.at = Math.min(each.at, latest);
      this.#release(line);
    }
  }

  /** Accepts on a port of the loopback. */
  async listen(port: number, to: { readonly host: string; readonly port: number }): Promise<Server> {
    const relay = createServer((client) => {
      const server = connect(to);
      const line: Waiting[] = [];
      this.#lines.add(line);
      const late = (act: () => void): void => {
        line.push({ at: performance.now() + this.#ms, act });
        this.#release(line);
      };
      client.pipe(server);
      client.once("close", () => {
        this.#lines.delete(line);
        server.destroy();
      });
      client.on("error", () => undefined);
      server.on("data", (bytes) => late(() => client.write(bytes)));
      server.on("error", () => undefined);
      server.once("close", () => late(() => client.destroy()));
    });
    relay.listen(port, "127.0.0.1");
    await once(relay, "listening");
    return relay;
  }

  #release(line: Waiting[]): void {
    const now = performance.now();
    while (line[0] !== undefined && line[0].at <= now) line.shift()?.act();
    // A timer may find that its time was moved; then it only looks.
    if (line[0] !== undefined) setTimeout(() => this.#release(line), Math.max(1, line[0].at - now)).unref();
  }
}

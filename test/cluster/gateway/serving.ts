import http from "node:http";
import https from "node:https";
import { createSecureContext } from "node:tls";
import { ip } from "../network.ts";
import { Forwarder } from "./forwarding.ts";
import { covers, specificity } from "./hostnames.ts";
import type { PortTable } from "./tables.ts";

interface Port {
  table: PortTable;
  readonly server: http.Server;
}

/** Ports of Gateways' addresses, each with the table it serves at the moment. */
export class Ports {
  readonly #forwarder = new Forwarder();
  readonly #open = new Map<string, Port>();

  /** Serves exactly these from now on. */
  async set(
    wanted: ReadonlyMap<string, { readonly address: string; readonly table: PortTable }>,
  ): Promise<void> {
    for (const [key, port] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      port.server.close();
      port.server.closeAllConnections();
    }
    for (const [key, { address, table }] of wanted) {
      const known = this.#open.get(key);
      if (known !== undefined) known.table = table;
      else await this.#listen(key, address, table);
    }
  }

  async #listen(key: string, address: string, table: PortTable): Promise<void> {
    await ip([`address replace ${address}/32 dev lo`]);
    const port: Port = { table, server: this.#create(table, () => port.table) };
    this.#open.set(key, port);
    await new Promise<void>((resolve, reject) => {
      port.server.once("error", reject).listen(table.port, address, resolve);
    });
  }

  #create(first: PortTable, table: () => PortTable): http.Server {
    const handle: http.RequestListener = (request, response) => {
      this.#forwarder.handle(table(), request, response).catch((error: Error) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(502, { "content-type": "text/plain" }).end(`${error.message}\n`);
      });
    };
    if (first.listeners[0]?.protocol !== "HTTPS") return http.createServer(handle);
    return https.createServer({ SNICallback: (name, done) => done(null, contextFor(table(), name)) }, handle);
  }
}

/** The certificate of the listener that names the host best. */
function contextFor(table: PortTable, name: string) {
  const [best] = table.listeners
    .filter(({ hostname }) => covers(hostname, name))
    .toSorted((a, b) => {
      const [ax, al] = specificity(a.hostname);
      const [bx, bl] = specificity(b.hostname);
      return bx - ax || bl - al;
    });
  const [certificate] = (best ?? table.listeners[0])?.certificates ?? [];
  return createSecureContext(certificate);
}

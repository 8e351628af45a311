import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { Client, type Json } from "../kubelet/client.ts";
import { type Snapshot, watchAll } from "./snapshot.ts";
import { Ports } from "./serving.ts";
import { outcomeOf } from "./tables.ts";
import { tell } from "./telling.ts";

/**
 * A gateway for every Gateway of the classes that name it: watches, serves, then says so. `main.ts KUBECONFIG` (of the
 * test cluster: JSON with a token). Runs in the middle of the cluster, from where it reaches every pod.
 */

/** Addresses of Gateways, beside the API server's. */
const FIRST = 10;
const LAST = 250;

const [kubeconfig = ""] = process.argv.slice(2);
const client = new Client(credentials(JSON.parse(readFileSync(kubeconfig, "utf8"))));
const addresses = new Map<string, string>();
const ports = new Ports();
let due = false;
let working = false;

const lists = watchAll(client, changed, new AbortController().signal);
await lists;

/** One round at a time, over the latest state; what changes meanwhile makes another one. */
function changed(): void {
  due = true;
  if (working) return;
  working = true;
  void rounds();
}

async function rounds(): Promise<void> {
  const snapshot = await lists;
  // Several changes of one moment make one round.
  await setImmediate();
  while (due) {
    due = false;
    await round(snapshot()).catch((error: Error) => console.error(error));
  }
  working = false;
}

async function round(seen: Snapshot): Promise<void> {
  const outcome = outcomeOf(seen);
  const wanted = outcome.gateways.flatMap(({ gateway, ports: tables }) =>
    tables.map((table) => {
      const address = addressOf(gateway);
      const protocol = table.listeners[0]?.protocol;
      return [`${protocol} ${address}:${table.port}`, { address, table }] as const;
    }),
  );
  await ports.set(new Map(wanted));
  await tell(client, outcome, addressOf);
}

/** An address of its own for each Gateway; one that started with another gateway process keeps its address. */
function addressOf(gateway: Json): string {
  const { uid } = gateway.metadata;
  const known = addresses.get(uid) ?? gateway.status?.addresses?.[0]?.value ?? free();
  addresses.set(uid, known);
  return known;
}

function free(): string {
  const used = new Set(addresses.values());
  for (let host = FIRST; host <= LAST; host += 1) {
    if (!used.has(`10.100.0.${host}`)) return `10.100.0.${host}`;
  }
  throw new Error("no address left for a Gateway");
}

function credentials(config: Json) {
  const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
  return { server, ca: Buffer.from(ca, "base64").toString(), token: config.users[0].user.token };
}

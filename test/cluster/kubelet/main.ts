import { readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../../simulation/random.ts";
import { nodeAddress, nodeName } from "../place.ts";
import { Client, type Credentials, type Json } from "./client.ts";
import type { Node } from "./context.ts";
import { Events } from "./events.ts";
import { keepRegistered } from "./registration.ts";
import { Pod } from "./pod.ts";
import { startProxy } from "./proxy.ts";
import { Addresses } from "./sandbox.ts";
import { serve } from "./server.ts";

/** The kubelet of one node; it is started by the cluster in namespaces of the node's own. */

export interface Config extends Credentials {
  readonly index: number;
  readonly folder: string;
  readonly seed: number;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly certificate: { readonly key: string; readonly cert: string };
}

const config = JSON.parse(process.env["TEAL_TEST_NODE"] ?? "null") as Config;
writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
const client = new Client(config);
const node: Node = {
  name: nodeName(config.index),
  index: config.index,
  address: nodeAddress(config.index),
  folder: config.folder,
  client,
  events: new Events(client, nodeName(config.index)),
  random: seeded(config.seed + config.index),
};
const addresses = new Addresses(node.index);
const pods = new Map<string, Pod>();
await mkdir(join(node.folder, "pods"), { recursive: true });
const line = await startProxy(node, config);
serve(pods, line, {
  key: readFileSync(config.certificate.key),
  cert: readFileSync(config.certificate.cert),
});
void keepRegistered(node, config.allocatable);
void follow();

/** Lists and watches the pods of this node, for ever. */
async function follow(): Promise<void> {
  const selector = encodeURIComponent(`spec.nodeName=${node.name}`);
  for (;;) {
    try {
      const list = await client.must("GET", `/api/v1/pods?fieldSelector=${selector}`);
      const listed = new Set(list.items.map((pod: Json) => pod.metadata.uid));
      for (const pod of pods.values()) if (!listed.has(pod.uid)) pod.gone();
      for (const pod of list.items) seen(pod);
      const since = `resourceVersion=${list.metadata.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=300`;
      await client.watch(`/api/v1/pods?watch=1&fieldSelector=${selector}&${since}`, watched, unlimited());
    } catch (error) {
      console.error(`pods of ${node.name}: ${String(error)}`);
    }
    await sleep(100);
  }
}

function unlimited(): AbortSignal {
  return new AbortController().signal;
}

function watched(type: string, pod: Json): void {
  if (type === "DELETED") pods.get(pod.metadata.uid)?.gone();
  else if (type !== "BOOKMARK") seen(pod);
}

function seen(object: Json): void {
  const known = pods.get(object.metadata.uid);
  if (known !== undefined) return known.update(object);
  const pod = new Pod(node, addresses, object);
  pods.set(pod.uid, pod);
  void pod.run().finally(() => pods.delete(pod.uid));
}

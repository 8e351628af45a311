import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { ip } from "../network.ts";

/** First and last host part of pod addresses; 1 is the node's own address in the range. */
const FIRST = 2;
const LAST = 250;

/** Addresses of one node's pods; one that was given back is used again as late as possible. */
export class Addresses {
  readonly #used = new Set<number>();
  readonly #node: number;
  #next = FIRST;

  constructor(node: number) {
    this.#node = node;
  }

  take(): { readonly address: string; readonly host: number } {
    for (let tried = FIRST; tried <= LAST; tried += 1) {
      const host = this.#next;
      this.#next = host === LAST ? FIRST : host + 1;
      if (this.#used.has(host)) continue;
      this.#used.add(host);
      return { address: `10.244.${this.#node}.${host}`, host };
    }
    throw new Error("no address left for a pod on this node");
  }

  giveBack(host: number): void {
    this.#used.delete(host);
  }
}

/** A pod's network: its own loopback, one address, and the way to everywhere else through the node. */
export class Sandbox {
  readonly address: string;
  readonly #host: number;
  readonly #addresses: Addresses;
  readonly #holder: ChildProcess;

  private constructor(addresses: Addresses, holder: ChildProcess, taken: { address: string; host: number }) {
    this.#addresses = addresses;
    this.#holder = holder;
    this.address = taken.address;
    this.#host = taken.host;
  }

  static async make(addresses: Addresses, node: number): Promise<Sandbox> {
    const script = "ip link set lo up && echo ready && exec sleep infinity";
    const holder = spawn("unshare", ["--net", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: holder.stdout }).once("line", () => resolve());
      holder.once("exit", () => reject(new Error("a pod's network could not be made")));
    });
    const sandbox = new Sandbox(addresses, holder, addresses.take());
    const link = `pod${sandbox.#host}`;
    const gateway = `10.244.${node}.1`;
    await ip([
      `link add name ${link} type veth peer name eth0 netns ${sandbox.pid}`,
      `link set ${link} up`,
      `route replace ${sandbox.address}/32 dev ${link} src ${gateway}`,
    ]);
    await ip(
      [
        `address add ${sandbox.address}/32 dev eth0`,
        `link set eth0 up`,
        `route add ${gateway} dev eth0`,
        `route add default via ${gateway}`,
      ],
      sandbox.pid,
    );
    return sandbox;
  }

  /** The process that holds the network. */
  get pid(): number {
    if (this.#holder.pid === undefined) throw new Error("a pod's network has no holder");
    return this.#holder.pid;
  }

  /** The command line that runs a program in this network. */
  within(command: readonly string[]): readonly [string, ...string[]] {
    return ["nsenter", "--target", String(this.pid), "--net", "--", ...command];
  }

  /** The network is gone with its last process. */
  end(): void {
    this.#holder.kill("SIGKILL");
    this.#addresses.giveBack(this.#host);
  }
}

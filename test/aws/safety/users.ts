import http from "node:http";
import type { AwsStory } from "../story.ts";

/** One answer that a user got. */
export interface Got {
  /** Monotonic, ms. */
  readonly at: number;
  readonly node: string;
  /** HTTP status, or the error's code where nothing came. */
  readonly status: number | string;
  /** What the answer says it is; none where it does not say. */
  readonly revision?: string;
}

/** Answers that are kept of each node. */
const KEPT = 20;
/** Distance (ms) between two requests of a user. */
const EVERY = 25;

/**
 * Users at every node of the load balancer, one on a kept connection and one who comes anew each time. They share
 * nothing with Teal: what they are answered is what is true.
 */
export class Users {
  /** So many requests were answered as they should be. */
  served = 0;
  readonly failed: Got[] = [];
  /** How often each revision answered. */
  readonly revisions = new Map<string, number>();
  readonly #latest = new Map<string, Got[]>();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #under = new Set<Promise<void>>();
  #ended = false;

  constructor({ simulator, shop }: AwsStory) {
    const port = shop.listeners[0]?.port ?? 0;
    for (const { address } of simulator.elb.nodes(shop.loadBalancer.arn)) {
      this.#latest.set(address, []);
      this.#under.add(this.#goOn(address, port));
    }
  }

  /** The last answers at each node, the newest last; at most as many as are kept. */
  get latest(): ReadonlyMap<string, readonly Got[]> {
    return this.#latest;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#under);
    this.#agent.destroy();
  }

  async #goOn(node: string, port: number): Promise<void> {
    for (let asked = 0; !this.#ended; asked += 1) {
      const got = await ask(node, port, asked % 2 === 0 ? this.#agent : false);
      this.#heard(got);
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  }

  #heard(got: Got): void {
    if (got.status === 200) this.served += 1;
    else this.failed.push(got);
    const revision = got.revision ?? "nobody";
    this.revisions.set(revision, (this.revisions.get(revision) ?? 0) + 1);
    const latest = this.#latest.get(got.node) ?? [];
    latest.push(got);
    if (latest.length > KEPT) latest.shift();
  }
}

function ask(node: string, port: number, agent: http.Agent | false): Promise<Got> {
  const at = performance.now();
  return new Promise((resolve) => {
    const options = {
      host: node,
      port,
      path: "/",
      agent,
      timeout: 30_000,
      headers: { host: "shop.example" },
    };
    const request = http.get(options, (response) => {
      const { statusCode: status = 0, headers } = response;
      const revision = headers["x-revision"]?.toString();
      response.resume();
      response.once("end", () => resolve({ at, node, status, ...(revision !== undefined && { revision }) }));
      response.once("error", (error) => resolve({ at, node, status: error.message }));
    });
    request.once("timeout", () => request.destroy(new Error("no answer in 30 s")));
    request.once("error", (error: NodeJS.ErrnoException) =>
      resolve({ at, node, status: error.code ?? error.message }),
    );
  });
}

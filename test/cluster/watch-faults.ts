import type { IncomingMessage, ServerResponse } from "node:http";
import { Lines } from "../../src/targets/kubernetes/api/lines.ts";
import { pieces, type Fault } from "./fault-rules.ts";

/** Carries a watch's events over one by one, with the fault that befalls it. */
export class WatchFaults {
  readonly #fault: Fault | undefined;
  readonly #random: () => number;
  readonly #from: IncomingMessage;
  readonly #to: ServerResponse;
  readonly #end: (how: "reset" | "close") => void;
  /** Events that pass before something ends the stream. */
  #left: number;
  #passed: string[] = [];
  #silent = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    fault: Fault | undefined,
    random: () => number,
    from: IncomingMessage,
    to: ServerResponse,
    end: (how: "reset" | "close") => void,
  ) {
    this.#fault = fault;
    this.#random = random;
    this.#from = from;
    this.#to = to;
    this.#end = end;
    this.#left = Math.floor(random() * 4);
  }

  run(): void {
    this.#to.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if ((this.#fault?.is === "reset" || this.#fault?.is === "close") && this.#fault.when === "after") {
      this.#end(this.#fault.is);
    }
    const lines = new Lines();
    this.#from.on("data", (chunk: Buffer) => {
      for (const line of lines.add(chunk) ?? []) this.#take(`${line}\n`);
    });
    this.#from.once("close", () => {
      if (!this.#silent)
        void this.#writing.then(() => (this.#from.complete ? this.#to.end() : this.#end("reset")));
    });
  }

  #take(line: string): void {
    if (this.#silent) return;
    const fault = this.#fault;
    switch (fault?.is) {
      case "reset":
      case "close":
        if (this.#left-- > 0) return this.#send(line);
        this.#silent = true;
        if (fault.is === "close" && this.#random() < 0.5) return void this.#to.end(); // between two events
        this.#to.write(line.slice(0, line.length / 2), () => this.#end(fault.is));
        return;
      case "stall":
        if (this.#left-- > 0) return this.#send(line);
        this.#silent = true;
        this.#to.write(line.slice(0, line.length / 2));
        return;
      case "goneEvent":
        if (this.#left-- > 0) return this.#send(line);
        this.#silent = true;
        this.#to.end(`${JSON.stringify(GONE)}\n`);
        return;
      case "drop":
        if (this.#random() >= fault.share) this.#send(line);
        return;
      case "duplicate":
        this.#send(line);
        this.#passed.push(line);
        this.#send(this.#passed[Math.floor(this.#random() * this.#passed.length)] ?? line);
        return;
      case "slow": {
        this.#writing = this.#writing.then(() => new Promise((resolve) => setTimeout(resolve, fault.ms)));
        this.#writing = this.#writing.then(() => this.#send(line));
        return;
      }
      case "chop":
        this.#writing = this.#writing.then(() => this.#chop(line));
        return;
      case "dead":
      case "answer":
      case "late":
      case undefined:
        return this.#send(line);
      default: {
        const never: never = fault;
        return never;
      }
    }
  }

  #send(line: string): void {
    this.#to.write(line);
  }

  async #chop(line: string): Promise<void> {
    for (const piece of pieces(Buffer.from(line), this.#random)) {
      this.#to.write(piece);
      await new Promise(setImmediate);
    }
  }
}

const GONE = {
  type: "ERROR",
  object: {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: "Expired",
    message: "the fault proxy has forgotten that far back",
    code: 410,
  },
};

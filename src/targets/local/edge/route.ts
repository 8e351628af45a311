import { statSync } from "node:fs";
import { NOBODY, type Shares, sameWeights, type Weights } from "../../../core/routing.ts";
import type { Routing } from "../../../core/observed.ts";
import { readJson, writeDurably } from "../files.ts";
import type { WireWrite } from "../protocol.ts";

/** `route.json`: what is live. */
interface RouteRecord {
  readonly weights: Shares;
  /** The highest fence that was ever claimed or used. */
  readonly fence: number;
  /** Counts the changes of the weights. */
  readonly version: number;
  /** Who made the last change, so that its repetition is recognised. */
  readonly intent: string | null;
}

const UNWRITTEN: RouteRecord = { weights: NOBODY, fence: 0, version: 0, intent: null };

/**
 * The durable route record. Every change is on disk before it takes effect and before it is answered; all of it is
 * synchronous, so that no request can be routed between the write and the change.
 */
export class Route {
  readonly #path: string;
  #record: RouteRecord;
  #stamp: string;

  /** @throws when the file exists and is not a route record: what is live is then for people to say. */
  constructor(path: string) {
    this.#path = path;
    this.#stamp = stamp(path);
    this.#record = readRecord(path);
  }

  get weights(): Shares {
    return this.#record.weights;
  }

  get fence(): number {
    return this.#record.fence;
  }

  get version(): string {
    return String(this.#record.version);
  }

  get routing(): Routing {
    const { weights } = this.#record;
    return { weights, rules: [{ id: "edge", weights, raw: JSON.stringify(weights) }] };
  }

  /** Refuses lower fences from now on. An equal one is the same holder asking again. */
  claim(fence: number): WireWrite<number> {
    if (fence < this.fence) return { is: "fenced", by: this.fence };
    if (fence === this.fence) return { is: "unchanged", seen: fence, version: this.version };
    this.#write({ ...this.#record, fence });
    return { is: "applied", seen: fence, version: this.version };
  }

  shift(to: Weights, expect: string, fence: number, intent: string): WireWrite<Routing> {
    if (fence < this.fence) return { is: "fenced", by: this.fence };
    const shares = checked(to);
    if (shares === undefined) {
      const message = `the edge cannot route ${JSON.stringify(to)}: shares are two numbers from 0 that add up to 100, or both 0`;
      return { is: "rejected", code: "TEAL-E110", message };
    }
    if (sameWeights(shares, this.weights)) {
      if (fence > this.fence) this.#write({ ...this.#record, fence });
      return { is: "unchanged", seen: this.routing, version: this.version };
    }
    if (expect !== "any" && expect !== this.version) {
      return { is: "conflict", seen: this.routing, version: this.version };
    }
    this.#write({ weights: shares, fence, version: this.#record.version + 1, intent });
    return { is: "applied", seen: this.routing, version: this.version };
  }

  /** Takes over what another process wrote; used by an edge that drains while its successor answers the control. */
  follow(): void {
    const now = stamp(this.#path);
    if (now === this.#stamp) return;
    this.#record = readRecord(this.#path);
    this.#stamp = now;
  }

  #write(record: RouteRecord): void {
    try {
      writeDurably(this.#path, `${JSON.stringify(record)}\n`);
    } finally {
      // Also after a failure: when only the last fsync failed, the file is the new one already, and the file decides.
      this.#record = readRecord(this.#path);
      this.#stamp = stamp(this.#path);
    }
  }
}

function stamp(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "none" : `${stats.ino} ${stats.mtimeNs}`;
}

function readRecord(path: string): RouteRecord {
  let record: Partial<RouteRecord> | undefined;
  try {
    record = readJson<RouteRecord>(path);
  } catch (error) {
    throw corrupt(path, (error as Error).message);
  }
  if (record === undefined) return UNWRITTEN;
  const { fence, version, intent } = record ?? {};
  const weights = checked(record?.weights);
  if (weights === undefined) throw corrupt(path, "no valid weights");
  if (!Number.isSafeInteger(fence) || !Number.isSafeInteger(version))
    throw corrupt(path, "no fence or version");
  return { weights, fence: fence as number, version: version as number, intent: intent ?? null };
}

function corrupt(path: string, why: string): Error {
  return new Error(
    `TEAL-E102 ${path} is not a route record (${why}). The edge does not guess which slot is live and serves nobody. ` +
      `Look into slots.json and the logs, write {"weights":{"blue":100,"green":0},"fence":0,"version":1,"intent":null} ` +
      `with the right shares, or restore the file from a backup.`,
  );
}

function checked(weights: Weights | undefined): Shares | undefined {
  if (typeof weights !== "object" || weights === null) return undefined;
  const { blue, green } = weights;
  if (!Number.isFinite(blue) || !Number.isFinite(green) || blue < 0 || green < 0) return undefined;
  const sum = blue + green;
  // Shares may be fractions: 0.1 and 99.9 must do.
  return sum === 0 || Math.abs(sum - 100) < 1e-9 ? { blue, green } : undefined;
}

import type { SlotSpec } from "../../core/calls.ts";
import type { Evidence, Residual, Routing, SlotState, Traffic } from "../../core/observed.ts";
import type { Weights } from "../../core/routing.ts";
import type { Cause, Slot } from "../../core/units.ts";
import type { ProcessIdentity } from "./identity.ts";

/** What the local target's processes say to each other. Each type is `[params, result]` of a method of `rpc.ts`. */

/** A write's answer on the wire; the adapters turn it into `Write<T>` (a lost connection becomes `unknown`). */
export type WireWrite<T> =
  | { readonly is: "applied" | "unchanged" | "conflict"; readonly seen: T; readonly version: string }
  | { readonly is: "fenced"; readonly by: number }
  | {
      readonly is: "rejected";
      readonly code: string;
      readonly message: string;
      readonly evidence?: readonly string[];
    };

export type WireRead<T> = { readonly value: T; readonly version: string };

/** One ready replica that may get requests of its slot. */
export interface Member {
  readonly replica: string;
  readonly incarnation: string;
  readonly host: string;
  readonly port: number;
  /** Checked before a restored member is believed: the port could belong to somebody else by now. */
  readonly process: ProcessIdentity;
  /** For `confirm`: whose answers these are. */
  readonly revision: string;
}

export interface EdgeMethods {
  /** `unserved`: requests no slot could be given, since the edge started. */
  hello: [
    Record<string, never>,
    { pid: number; epoch: string; version: string; public: string; preview: string; unserved: number },
  ];
  observe: [Record<string, never>, WireRead<Routing> & { fence: number }];
  /** Lower or equal fences of others are refused from now on; durable before it is answered. */
  claim: [{ fence: number }, WireWrite<number>];
  /** Durable before it is answered; atomic: every request that starts after the answer follows `to`. */
  shift: [{ to: Weights; expect: string; fence: number; intent: string }, WireWrite<Routing>];
  /** Replaces the members of a slot. A member that is no longer named gets no new requests and finishes its own. */
  members: [{ slot: Slot; members: readonly Member[] }, { accepted: number }];
  residual: [{ slot: Slot; replica?: string; incarnation?: string }, Residual];
  traffic: [{ slot: Slot }, Traffic];
  sample: [{ to: Weights }, Evidence];
  /** Ends streams (SSE, WebSocket) of a leaving replica by policy, now. */
  release: [{ slot: Slot; replica: string; incarnation: string }, Residual];
}

export interface AgentMethods {
  /** `edgeFault`: why the edge could not be started, last time it was tried. */
  hello: [Record<string, never>, { pid: number; version: string; edgeFault?: Cause }];
  /** Starts the edge now, where none runs; what stands in the way, if something does. */
  edge: [Record<string, never>, { fault?: Cause }];
  observe: [{ slot: Slot }, WireRead<SlotState> & { fence: number }];
  claim: [{ fence: number }, WireWrite<number>];
  ensure: [
    { slot: Slot; want: SlotSpec; expect: string; fence: number; intent: string },
    WireWrite<SlotState>,
  ];
  retire: [{ slot: Slot; keep: number; expect: string; fence: number; intent: string }, WireWrite<SlotState>];
  reach: [{ slot: Slot }, { replicas: readonly WireReach[] }];
  /** Stops the agent; with `everything` also the replicas of both slots, the edge and the holder. */
  stop: [{ everything: boolean }, { stopped: true }];
}

export interface WireReach {
  readonly replica: string;
  readonly incarnation: string;
  /** Between two lives: host, port and group mean nothing. */
  readonly ended?: true;
  readonly host: string;
  readonly port: number;
  readonly group: number;
  readonly log: string;
  /** Folder of the release, and where `release.json` names its environment: for `exec` checks. */
  readonly release: string;
}

/** `service.json`: how the agent and the edge of a service run; written by the command that starts them. */
export interface ServiceFile {
  readonly service: string;
  readonly environment: string;
  /** `host:port` of the public address; port 0 lets the system choose. */
  readonly listen: string;
  readonly preview: string;
  readonly edge: {
    /** Streams of a slot that lost its traffic are ended `after` ms, spread over `over` ms; `hold` leaves them to the drain cap. */
    readonly streams: {
      readonly policy: "reconnect" | "hold";
      readonly after: number;
      readonly over: number;
    };
    /** A request for a slot without a ready replica waits so long before it is answered 503. */
    readonly queue: { readonly timeout: number; readonly limit: number };
    /** Time for an upstream to send its response head; 504 after it. */
    readonly responseTimeout: number;
    /** Believe X-Forwarded-* of these peers (CIDR or address); others' are replaced. */
    readonly trustedProxies: readonly string[];
  };
  readonly replicas: {
    /** First pause after a crash, doubling up to the cap; so many crashes within the window are a crash loop. */
    readonly backoff: number;
    readonly backoffCap: number;
    readonly crashLoop: { readonly exits: number; readonly within: number };
    /** SIGTERM, then so long until SIGKILL. */
    readonly stopGrace: number;
    /** How long a leaving replica may finish its requests. */
    readonly drainCap: number;
    readonly log: { readonly maxBytes: number; readonly keep: number };
  };
}

/** `release.json` in a release folder: everything needed to start a replica, mode 0600 because of the environment. */
export interface ReleaseFile {
  readonly revision: { readonly id: string; readonly config: string };
  /** Shell command; `{port}`, `{slot}`, `{revision}` and `{replica}` are replaced. */
  readonly command: string;
  /** Folder (inside the release) the command runs in. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where it came from, for people: `git 3f2a91c (v2)`, `folder shop`. */
  readonly origin: string;
  readonly complete: boolean;
}

import { type Evidence, type Residual, type Routing } from "../../../core/observed.ts";
import { sameWeights, soleSlot, type Weights } from "../../../core/routing.ts";
import { otherSlot } from "../../../core/units.ts";
import type { EdgeMethods, WireWrite } from "../protocol.ts";
import type { Handlers } from "../rpc.ts";
import type { Edge } from "./edge.ts";
import { askDraining, type Of, ownResidual } from "./residual.ts";

type Control = {
  readonly [M in keyof EdgeMethods]: (
    params: EdgeMethods[M][0],
  ) => EdgeMethods[M][1] | Promise<EdgeMethods[M][1]>;
};

export interface Hello {
  readonly version: string;
  readonly public: string;
  readonly preview: string;
}

/** What the edge does when asked over its control socket. */
export function control(edge: Edge, edgeSocket: string, hello: Hello): Handlers {
  const methods: Control = {
    hello: () => ({ pid: process.pid, epoch: edge.epoch, unserved: edge.unserved, ...hello }),
    observe: () => ({ value: edge.route.routing, version: edge.route.version, fence: edge.route.fence }),
    claim: ({ fence }) => edge.route.claim(fence),
    shift: ({ to, expect, fence, intent }) => shift(edge, to, expect, fence, intent),
    members: ({ slot, members }) => {
      edge.members.set(slot, members);
      return { accepted: members.length };
    },
    residual: (of) => residual(edge, edgeSocket, of),
    traffic: ({ slot }) => edge.counters[slot].traffic(edge.epoch),
    sample: ({ to }) => sample(edge, to),
    release: (of) => release(edge, edgeSocket, of),
  };
  return methods;
}

function shift(edge: Edge, to: Weights, expect: string, fence: number, intent: string): WireWrite<Routing> {
  const written = edge.route.shift(to, expect, fence, intent);
  if (written.is === "applied") edge.shifted();
  return written;
}

async function residual(edge: Edge, edgeSocket: string, of: Of): Promise<Residual> {
  const draining = await askDraining(edgeSocket, "residual", of);
  const own = ownResidual(edge, of);
  return { ...own, inFlight: own.inFlight + draining };
}

async function release(edge: Edge, edgeSocket: string, of: Required<Of>): Promise<Residual> {
  edge.streams.release(of.slot, of.replica, of.incarnation);
  await askDraining(edgeSocket, "release", of);
  return residual(edge, edgeSocket, of);
}

/** What an edge that drains still answers, to its successor only. */
export function drainControl(edge: Edge): Handlers {
  return {
    residual: (of: Of) => {
      edge.follow();
      return ownResidual(edge, of);
    },
    release: (of: Required<Of>) => {
      edge.streams.release(of.slot, of.replica, of.incarnation);
      return ownResidual(edge, of);
    },
  };
}

/** The shift is atomic, so that it holds as soon as it was answered; answers from the right revision prove it. */
function sample(edge: Edge, to: Weights): Evidence {
  const { weights } = edge.route;
  if (!sameWeights(to, weights)) {
    return { strength: "ack", moved: false, detail: `the edge routes ${JSON.stringify(weights)}` };
  }
  const sole = soleSlot(weights);
  const { blue, green } = edge.sinceShift;
  const answered = blue.answered + green.answered;
  if (answered === 0) {
    return {
      strength: "ack",
      moved: true,
      detail: "edge acknowledged",
      missing: "no request was answered since the shift",
    };
  }
  if (sole === undefined) {
    return {
      strength: "counters",
      moved: true,
      detail: `answers since the shift: blue ${blue.answered}, green ${green.answered}`,
    };
  }
  const [mine, others] = [edge.sinceShift[sole], edge.sinceShift[otherSlot(sole)]];
  const answers = mine.answered === 1 ? "1 answer" : `${mine.answered} answers`;
  const detail = `${answers} from ${[...mine.revisions].join(", ")}, ${others.started} started on ${otherSlot(sole)}`;
  return { strength: "identity", moved: others.started === 0, detail };
}

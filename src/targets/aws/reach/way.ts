import type { Cause } from "../../../core/units.ts";
import type { HttpQuestion, Way } from "../../../ports/exchange.ts";
import type { Question } from "../router/question.ts";
import { askNode } from "./ask.ts";
import { answerOfInstance } from "./own-answers.ts";

/** Where probes go in: one port of a load balancer, and the header that leads to the slot, if one does. */
export interface Entrance {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly tls: boolean;
  /** What the service is called by; probes name it unless a check names another host. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The way to a slot's instances through the load balancer. It chooses the instance, so that an answer is one of the
 * slot's, not of a certain instance: each replica's checks ask as often as if it were.
 * @param entrance looked up for every question: addresses change, and the rule may not be there yet.
 */
export function loadBalancerWay(entrance: (signal: AbortSignal) => Promise<Entrance | Cause>): Way {
  let turn = 0;
  return {
    name: "the load balancer",
    http: async (question, signal) => {
      const known = await entrance(signal);
      if (signal.aborted) return { is: "aborted" };
      if ("code" in known) return { is: "unknown", why: known.message };
      const address = known.addresses[turn++ % Math.max(1, known.addresses.length)];
      if (address === undefined) return { is: "unknown", why: "the load balancer has no address" };
      const got = await askNode(address, asked(question, known), signal, question.body);
      return answerOfInstance(got);
    },
    open: (port) =>
      Promise.resolve({
        is: "unknown",
        why: `a load balancer forwards requests, not connections, so that port ${port} cannot be tried: use an http check, or reach: address`,
      }),
  };
}

/** `localhost` stands for whatever name is right where the question goes. */
function asked(
  { method, path, headers }: HttpQuestion,
  { port, tls, host, headers: leading }: Entrance,
): Question {
  const { host: named = "", connection: _, ...rest } = headers;
  return {
    port,
    tls,
    host: /^localhost(?::\d+)?$/u.test(named) ? host : named,
    method,
    path,
    headers: { ...rest, ...leading },
  };
}

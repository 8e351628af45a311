import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode, RECURSION_DESIRED, AUTHORITATIVE_ANSWER } from "dns-packet";

/** Seconds. Guide, "Application Load Balancers": DNS entries of a load balancer live for 60 seconds. */
const TTL = 60;
const NAME_ERROR = 3;

export interface NameServer {
  /** `host:port` */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Answers A questions over UDP. `addresses`: of a name in lower case; `undefined` when there is no such name. The order is
 * turned with every answer, as resolvers of many clients see it.
 */
export async function serveNames(
  host: string,
  addresses: (name: string) => readonly string[] | undefined,
): Promise<NameServer> {
  const socket = createSocket("udp4");
  let turn = 0;
  socket.on("message", (message, from) => {
    let asked;
    try {
      asked = decode(message);
    } catch {
      return;
    }
    const question = asked.questions?.[0];
    if (question === undefined) return;
    const found = addresses(question.name.toLowerCase());
    const start = found?.length ? (turn += 1) % found.length : 0;
    const order = found === undefined ? [] : [...found.slice(start), ...found.slice(0, start)];
    const answer = encode({
      type: "response",
      id: asked.id ?? 0,
      flags:
        AUTHORITATIVE_ANSWER |
        ((asked.flags ?? 0) & RECURSION_DESIRED) |
        (found === undefined ? NAME_ERROR : 0),
      questions: [question],
      answers:
        question.type === "A"
          ? order.map((data) => ({ type: "A", class: "IN", name: question.name, ttl: TTL, data }))
          : [],
    });
    socket.send(answer, from.port, from.address);
  });
  socket.bind(0, host);
  await once(socket, "listening");
  return {
    address: `${host}:${socket.address().port}`,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

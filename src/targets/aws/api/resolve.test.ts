import { createSocket } from "node:dgram";
import { decode, encode, type Packet } from "dns-packet";
import { expect, test } from "vitest";
import { addressesFrom } from "./resolve.ts";

const NEVER = new AbortController().signal;

/** A name server that knows these names, or never answers. */
async function nameServer(known: Readonly<Record<string, readonly string[]>> | "silent") {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    if (known === "silent") return;
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    const addresses = question?.type === "A" ? (known[question.name] ?? []) : [];
    const answers = addresses.map((data) => ({ type: "A", name: question!.name, ttl: 60, data }) as const);
    const answer: Packet = { type: "response", id: id ?? 0, questions, answers };
    socket.send(encode(answer), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  return { TEAL_NAME_SERVER: `127.0.0.1:${port}`, stop: () => socket.close() };
}

test("every address that the named server tells", async () => {
  const { stop, ...environment } = await nameServer({ "alb.example": ["127.9.0.2", "127.9.0.1"] });
  expect(await addressesFrom(environment)("alb.example", NEVER)).toEqual(["127.9.0.1", "127.9.0.2"]);
  stop();
});

test("a name without addresses is told as such", async () => {
  const { stop, ...environment } = await nameServer({});
  expect(await addressesFrom(environment)("alb.example", NEVER)).toMatchObject({ code: "TEAL-A115" });
  stop();
});

test("whoever gives up waits no longer for a server that is silent", async () => {
  const { stop, ...environment } = await nameServer("silent");
  const over = new AbortController();
  const asked = addressesFrom(environment)("alb.example", over.signal);
  over.abort();
  expect(await asked).toMatchObject({ code: "TEAL-A115" });
  stop();
});

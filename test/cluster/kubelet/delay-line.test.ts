import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../e2e/processes.ts";
import { DelayLine } from "./delay-line.ts";

/** A server that answers every word with itself, and a client whose answers come over a line. */
async function wire() {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard.push(bytes.toString());
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const line = new DelayLine();
  const relay = await line.listen(0, { host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const client: Socket = connect((relay.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    client.destroy();
    relay.close();
    server.close();
  });
  const answers = { text: "" };
  client.on("data", (bytes) => (answers.text += bytes.toString()));
  return { line, heard, client, answers };
}

test("what is asked goes at once, what is answered waits and keeps its order", async () => {
  const { line, heard, client, answers } = await wire();
  line.set(60_000);
  client.write("one ");
  await until("the question", () => heard.length === 1);
  client.write("two ");
  await until("the next question", () => heard.join("") === "one two ");
  expect(answers.text).toBe("");
  line.set(0);
  client.write("three");
  await until("all answers", () => answers.text === "one two three");
});

test("a smaller delay lets go of what waits", async () => {
  const { line, heard, client, answers } = await wire();
  line.set(60_000);
  client.write("late");
  await until("the question", () => heard.length === 1);
  line.set(20);
  await until("the answer", () => answers.text === "late");
});

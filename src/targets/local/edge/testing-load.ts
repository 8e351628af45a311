import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** One answered request: by whom, and from when to when. */
export interface Answered {
  readonly by: string;
  readonly started: number;
  readonly ended: number;
}

/**
 * Bounded users of many habits at once: kept and fresh connections, uploads, pipelining, events, WebSockets. Every
 * failure is kept; nothing is tried again, except that streams connect again after a clean end.
 */
export class Load {
  readonly failures: string[] = [];
  readonly answers: Answered[] = [];
  /** Streams that ended cleanly and connected again. */
  reconnects = 0;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #users: Promise<void>[] = [];
  #stopped = false;

  constructor(port: number) {
    this.#port = port;
  }

  start(users: {
    kept?: number;
    fresh?: number;
    uploads?: number;
    pipelined?: number;
    events?: number;
    sockets?: number;
  }): this {
    this.#many("kept", users.kept, () => this.#get(this.#agent), 2);
    this.#many("fresh", users.fresh, () => this.#get(false), 5);
    this.#many("upload", users.uploads, () => this.#upload(), 5);
    this.#many("pipelined", users.pipelined, () => this.#pipeline(), 5);
    this.#many("events", users.events, () => this.#events(), 1);
    this.#many("socket", users.sockets, () => this.#socket(), 1);
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#users);
    this.#agent.destroy();
  }

  #many(habit: string, count = 0, once: () => Promise<void>, pause: number): void {
    for (let user = 0; user < count; user++) this.#users.push(this.#repeat(habit, once, pause));
  }

  async #repeat(habit: string, once: () => Promise<void>, pause: number): Promise<void> {
    while (!this.#stopped) {
      await once().catch((error: Error) => this.failures.push(`${habit}: ${error.message}`));
      await sleep(pause);
    }
  }

  async #get(agent: Agent | false, body?: string): Promise<void> {
    const started = performance.now();
    const text = await fetchText(this.#port, agent, body === undefined ? "GET" : "POST", body);
    const [by = "", echoed] = text.split(" ");
    if (body !== undefined && echoed !== body)
      this.failures.push(`echoed ${echoed?.length} of ${body.length} bytes`);
    this.answers.push({ by, started, ended: performance.now() });
  }

  #upload(): Promise<void> {
    return this.#get(this.#agent, "x".repeat(20_000));
  }

  /** Three requests sent ahead on one connection, then three answers. */
  #pipeline(): Promise<void> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, "127.0.0.1");
      let text = "";
      socket.setEncoding("latin1").on("error", reject);
      socket.on("data", (chunk: string) => {
        text += chunk;
        const bodies = [...text.matchAll(/\r\n\r\n(blue|green)/g)].map((match) => match[1] as string);
        if (bodies.length < 3) return;
        for (const by of bodies) this.answers.push({ by, started, ended: performance.now() });
        socket.destroy();
        resolve();
      });
      socket.on("close", () => reject(new Error(`closed after ${text.length} bytes of pipelined answers`)));
      socket.write("GET /who HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(3));
    });
  }

  /** Stays until the stream ends; an end without the last chunk is a failure. */
  #events(): Promise<void> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const request = httpRequest({ port: this.#port, path: "/sse", agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`events: ${response.statusCode}`));
        response.once("data", (chunk: Buffer) =>
          this.answers.push({
            by: /data: (\w+)/.exec(chunk.toString())?.[1] ?? "",
            started,
            ended: performance.now(),
          }),
        );
        const look = setInterval(() => this.#stopped && request.destroy(), 20);
        response.resume();
        response.on("error", () => undefined);
        response.on("close", () => {
          clearInterval(look);
          if (!response.complete && !this.#stopped) return reject(new Error("events were cut"));
          this.reconnects++;
          resolve();
        });
      });
      request.on("error", (error) => (this.#stopped ? resolve() : reject(error)));
      request.end();
    });
  }

  #socket(): Promise<void> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`);
      const look = setInterval(() => {
        if (this.#stopped && socket.readyState === WebSocket.CONNECTING) return;
        if (this.#stopped) socket.close(1000);
        else if (socket.readyState === WebSocket.OPEN) socket.send("ping");
      }, 20);
      socket.once("message", (data: Buffer) =>
        this.answers.push({ by: data.toString(), started, ended: performance.now() }),
      );
      socket.on("error", reject);
      socket.on("close", (code) => {
        clearInterval(look);
        if (code !== 1001 && code !== 1000) return reject(new Error(`socket closed with ${code}`));
        this.reconnects++;
        resolve();
      });
    });
  }
}

export function fetchText(
  port: number,
  agent: Agent | false,
  method = "GET",
  body?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": body.length };
    const request = httpRequest({ port, path: "/who", method, headers, agent }, (response) => {
      let text = "";
      response.setEncoding("latin1");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`status ${response.statusCode}: ${text}`)),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

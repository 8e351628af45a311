import https from "node:https";
import { createInterface } from "node:readline";

/** Objects as the API server's JSON shows them; the kubelet looks into many kinds. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Credentials {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

const PATCH = "application/strategic-merge-patch+json";
const REQUEST_MS = 15_000;
/** A watch that says nothing for so long is opened again; the server sends a bookmark about every minute. */
const SILENCE_MS = 100_000;

/** A small client of the API server, apart from Teal's own, so that neither can hide a mistake of the other. */
export class Client {
  readonly #agent: https.Agent;
  readonly #server: string;
  readonly #token: string;

  constructor({ server, ca, token }: Credentials) {
    this.#agent = new https.Agent({ ca, keepAlive: true });
    this.#server = server;
    this.#token = token;
  }

  /** Answers with any status; throws when there is none. */
  request(method: string, path: string, body?: object, type = contentType(method)): Promise<Answer> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const options = { ...this.#options(method, bytes, type), timeout: REQUEST_MS };
      const request = https.request(this.#server + path, options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: parse(text) }));
      });
      request.once("error", reject);
      request.once("timeout", () =>
        request.destroy(new Error(`${method} ${path}: no answer in ${REQUEST_MS} ms`)),
      );
      request.end(bytes);
    });
  }

  /** The object of an answer that must be a success. */
  async must(method: string, path: string, body?: object): Promise<Json> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body?.message ?? ""}`);
    return answer.body;
  }

  /**
   * Calls back with every event of a watch until it ends, however it does. A status in the stream (410, for example)
   * ends it too.
   */
  watch(path: string, seen: (type: string, object: Json) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const request = https.request(
        this.#server + path,
        { ...this.#options("GET"), timeout: SILENCE_MS, signal },
        (response) => {
          const lines = createInterface({ input: response });
          lines.on("line", (line) => {
            const event = parse(line);
            if (event?.type === undefined || event.type === "ERROR") request.destroy();
            else seen(event.type, event.object);
          });
          lines.once("error", () => undefined); // the response tells of it too
          response.once("close", resolve).once("error", () => resolve());
        },
      );
      request.once("timeout", () => request.destroy());
      request.once("error", () => resolve());
      request.end();
    });
  }

  #options(method: string, body?: Buffer, type = ""): https.RequestOptions {
    const headers = { authorization: `Bearer ${this.#token}`, accept: "application/json" };
    return {
      method,
      agent: this.#agent,
      // Its length is said, or Node would send the body of a DELETE as if it were the next request.
      headers:
        body === undefined ? headers : { ...headers, "content-type": type, "content-length": body.length },
    };
  }
}

function contentType(method: string): string {
  return method === "PATCH" ? PATCH : "application/json";
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

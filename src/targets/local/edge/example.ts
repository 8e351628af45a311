import type { IncomingMessage } from "node:http";
import { excerpt, redact } from "../../../core/redact.ts";
import type { AnswerHead } from "./headers.ts";

/** Read of a failing answer's body; redacted as a whole, then shortened. */
const READ = 2_048;
const SHOWN = 120;

/** Collects one failing request for people: `POST /checkout 500: "cart.total is undefined"`. */
export class FailureExample {
  readonly #request: IncomingMessage;
  readonly #status: number;
  readonly #readable: boolean;
  #body = "";

  constructor(request: IncomingMessage, status: number, head: AnswerHead) {
    this.#request = request;
    this.#status = status;
    this.#readable = !head.headers.some(
      (name, index) => index % 2 === 0 && name.toLowerCase() === "content-encoding",
    );
  }

  data(chunk: Buffer): void {
    if (this.#readable && this.#body.length < READ) this.#body += chunk.toString("utf8", 0, READ);
  }

  line(): string {
    const { method, url = "" } = this.#request;
    const path = excerpt(redact(url.replace(/[?#].*/su, "")), SHOWN);
    const body = excerpt(redact(this.#body), SHOWN);
    return `${method} ${path} ${this.#status}${body === "" ? "" : `: "${body}"`}`;
  }
}

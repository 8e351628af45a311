import { ask } from "../engine/engine.ts";
import type { Session } from "./session.ts";
import { askKey, type KeyQuestion } from "./prompt.ts";

/**
 * What Ctrl-C, a signal and `--timeout` mean while a deployment moves. On a terminal Ctrl-C asks: abort, detach or
 * continue; a second one detaches. Without a terminal a signal lets go safely.
 */
export class Interrupts {
  readonly #session: Session;
  readonly #letGo = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #question: KeyQuestion | undefined;
  #why: "asked" | "signal" | "timeout" | undefined;
  readonly #interrupted = () => this.#interrupt();
  readonly #ended = () => this.#let("signal");

  constructor(session: Session) {
    this.#session = session;
    process.on("SIGINT", this.#interrupted);
    process.on("SIGTERM", this.#ended);
    process.on("SIGHUP", this.#ended);
    const { timeout } = session.invocation.globals;
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#let("timeout"), timeout);
  }

  /** Aborts when this process is to let go of the deployment. */
  get signal(): AbortSignal {
    return this.#letGo.signal;
  }

  /** Why it let go. `asked`: a person wants it to go on in the background. */
  get why(): "asked" | "signal" | "timeout" | undefined {
    return this.#why;
  }

  detach(why: "asked"): void {
    this.#let(why);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#question?.close();
    process.off("SIGINT", this.#interrupted).off("SIGTERM", this.#ended).off("SIGHUP", this.#ended);
  }

  #interrupt(): void {
    const { out, invocation } = this.#session;
    const asks = process.stdin.isTTY && process.stdout.isTTY && !out.json && !invocation.globals.yes;
    if (!asks) return this.#let("signal");
    if (this.#question !== undefined) return this.#let("asked");
    const text = "Ctrl-C: [a]bort (traffic goes back), [d]etach (goes on in the background), [c]ontinue? ";
    this.#question = askKey(out.terminal, text, ["a", "d", "c"]);
    void this.#question.answer.then((key) => this.#answered(key));
  }

  #answered(key: string | undefined): void {
    this.#question = undefined;
    if (key === "a") void this.#abort();
    if (key === "d" || key === "interrupt") this.#let("asked");
  }

  /** The engine of this very process reads the question in its journal and turns back. */
  async #abort(): Promise<void> {
    const { connection, out } = this.#session;
    const asked = await ask(connection.store, connection.key, {
      ask: "abort",
      by: connection.by,
      because: "Ctrl-C",
    });
    if (asked.is === "unavailable")
      out.note(`the abort could not be journaled: ${asked.cause.message} (${asked.cause.code})`);
    if (asked.is === "none") this.#let("signal");
  }

  #let(why: "asked" | "signal" | "timeout"): void {
    this.#why ??= why;
    this.#question?.close();
    this.#letGo.abort(why);
  }
}

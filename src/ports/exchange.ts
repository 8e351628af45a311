/** One HTTP request to one replica and what came of it. */

export interface HttpQuestion {
  /** Where the connection goes, whatever the Host header says. */
  readonly host: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Exchange =
  | {
      readonly is: "answer";
      readonly status: number;
      /** Lower-case names; repeated headers joined by `, `. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      /** The body was longer than what is kept of it. */
      readonly cut: boolean;
    }
  /** No complete answer: `ECONNREFUSED`, `ECONNRESET`, `HPE_INVALID_CONSTANT`, `cut off after 12 bytes`. */
  | { readonly is: "broken"; readonly why: string }
  | { readonly is: "aborted" }
  /** The question itself is not valid HTTP. */
  | { readonly is: "invalid"; readonly why: string }
  /** The question did not get to the replica, or it cannot be told whether: that says nothing about the replica. */
  | { readonly is: "unknown"; readonly why: string };

/** What came of a try to open a connection; `broken` and `unknown` as for an exchange. */
export type Opening = { readonly is: "open" } | Extract<Exchange, { readonly is: "broken" | "unknown" }>;

/**
 * A way to a replica whose address cannot be reached from here. What stands in between answers too, for itself: telling
 * its failures (`unknown`) from the replica's (`broken`) is the business of whoever provides the way. Nothing is thrown.
 */
export interface Way {
  /** For people, in `200 after 412 ms through the API server`. */
  readonly name: string;
  http(question: HttpQuestion, signal: AbortSignal): Promise<Exchange>;
  /** Whether the port accepts a connection. */
  open(port: number, signal: AbortSignal): Promise<Opening>;
}

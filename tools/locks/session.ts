/** One connection to a server, whichever client is behind it. */
export interface Session {
  /** Runs statements by the simple protocol, as psql does, and answers with the rows of the last. */
  readonly run: (sql: string) => Promise<readonly Row[]>;
}

export type Row = Readonly<Record<string, unknown>>;

/**
 * SQLSTATE of an error that the server answered with.
 * @throws the error itself, when it is none of the server's
 */
export function sqlState(error: unknown): string {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return code;
  throw error;
}

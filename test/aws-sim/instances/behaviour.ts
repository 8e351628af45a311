/** What a machine does that was started from an image; everything that a real image decides. */
export interface Behaviour {
  /** What its answers say; the image's name by default. */
  readonly revision?: string;
  /** ms of the world from RunInstances until EC2 says `running`; 5,000 by default. */
  readonly pending?: number;
  /** ms of the world from `running` until the program is started; 1,000 by default. */
  readonly boots?: number;
  /** What /health answers from the start: 200 or 503. `well` by default. */
  readonly health?: "well" | "sick";
  /** The program ends by itself so many ms of the machine after its start, with code 1; EC2 goes on saying `running`. */
  readonly exits?: number;
  /** false: the program runs, but listens nowhere. */
  readonly listens?: boolean;
  /** SIGTERM does not end it; the machine is switched off under it. */
  readonly stubborn?: boolean;
  /** Ports it listens on; 8080 by default. */
  readonly ports?: readonly number[];
  /** RunInstances is refused with this. */
  readonly refused?: { readonly code: string; readonly message: string };
  /** Absolute path of a program to start instead of `web.ts`; it is told the same environment. */
  readonly program?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Environment variables that user data sets: lines `NAME=value` or `export NAME=value` of the decoded text. What a real
 * machine would run as a script is not run.
 */
export function userDataEnvironment(base64: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of Buffer.from(base64 ?? "", "base64")
    .toString("utf8")
    .split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line);
    if (match) found[match[1]!] = match[2]!.trim().replace(/^(["'])(.*)\1$/, "$2");
  }
  return found;
}

import { scryptSync } from "node:crypto";
import type { CheckPlan } from "../core/checks.ts";
import { sealChecks, type Lookup, type Sealed } from "../core/sealed.ts";

/*
 * Checks without the secrets in them, where runners share no key: the digest of a value is made by scrypt, salted with
 * whose it is. Every runner finds the same digest from its own configuration, nothing is kept anywhere, and trying out
 * values costs whoever reads a journal as much as for a password (docs/decisions/0024).
 */

/** N, r and p as OWASP's cheat sheet for stored passwords recommends them at least: 64 MB and some 0.1 s for each. */
const COST = { N: 2 ** 16, r: 8, p: 2, maxmem: 256 * 1024 * 1024 } as const;
const LENGTH = 16;

export class SaltedSealing {
  readonly #salt: string;
  readonly #secrets: readonly string[];
  readonly #digests = new Map<string, string>();

  /** @param salt the same for every runner of the service, and for no other service: account, service, environment. */
  constructor(salt: string, secrets: readonly string[]) {
    this.#salt = salt;
    this.#secrets = secrets;
  }

  sealed(plan: CheckPlan): Sealed {
    return sealChecks(plan, this.#secrets, (value) => this.#digest(value));
  }

  /** Finds what the secrets in these checks were. */
  lookup(plan: CheckPlan): Lookup {
    const { values } = this.sealed(plan);
    return (digest) => values.get(digest);
  }

  #digest(value: string): string {
    const known = this.#digests.get(value);
    if (known !== undefined) return known;
    const digest = scryptSync(value, `teal ${this.#salt}`, LENGTH, COST).toString("hex");
    this.#digests.set(value, digest);
    return digest;
  }
}

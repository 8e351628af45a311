import type { Evidence } from "../../../core/observed.ts";
import type { Exchange } from "../../../ports/exchange.ts";
import { askNode } from "../reach/ask.ts";
import { isOwnAnswer } from "../reach/own-answers.ts";
import type { Question } from "./question.ts";

/** So many answers in a row each address of the load balancer has to give. */
export const IN_A_ROW = 3;
/** All of them within this time (ms): a look must end before the engine's bound for one call. */
const PATIENCE = 3_500;

export interface Wanted {
  readonly header: string;
  readonly revision: string;
  /** What the other slot has, where it has anything. */
  readonly other: string | undefined;
}

export type Identified =
  | { readonly is: "told"; readonly evidence: Evidence }
  /** It cannot be told from here. */
  | { readonly is: "cannot"; readonly missing: string };

/** What one address answered: whose answer it was, or why nobody can tell. */
type Told =
  | { readonly is: "right" }
  | { readonly is: "wrong"; readonly who: string }
  | { readonly is: "cannot"; readonly why: string };

/**
 * Asks every address of the load balancer for every rule until one answer is not the wanted revision's. Addresses are
 * asked side by side, each for its answers one after another, on a fresh connection every time.
 */
export async function identify(
  asked: readonly { readonly question: Question; readonly addresses: readonly string[] }[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Identified> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const pairs = asked.flatMap(({ question, addresses }) =>
    addresses.map((address) => ({ question, address })),
  );
  const answers = await Promise.all(
    pairs.map(async ({ question, address }) => ({
      name: `${address}:${question.port}`,
      told: await inARow(address, question, wanted, bounded),
    })),
  );
  const wrong = answers.flatMap(({ name, told }) =>
    told.is === "wrong" ? [`${name} answers ${told.who}`] : [],
  );
  // One address that shows the other revision is proof enough that not all follow, whoever else is silent.
  const silent = answers.flatMap(({ name, told }) => (told.is === "cannot" ? [`${name} ${told.why}`] : []));
  const [missing] = silent;
  if (wrong.length === 0 && missing !== undefined) return { is: "cannot", missing };
  if (answers.length === 0) return { is: "cannot", missing: "the load balancer has no address" };
  const right = answers.length - wrong.length - silent.length;
  const detail =
    wrong.length === 0
      ? `${answers.length * IN_A_ROW} answers from ${wanted.revision}, ${IN_A_ROW} in a row from each of ${answers.length} addresses`
      : `${right} of ${answers.length} addresses answer ${wanted.revision}; ${wrong.slice(0, 2).join(", ")}`;
  return { is: "told", evidence: { strength: "identity", moved: wrong.length === 0, detail } };
}

async function inARow(
  address: string,
  question: Question,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Told> {
  for (let count = 0; count < IN_A_ROW; count++) {
    const told = toldBy(await askNode(address, question, signal), wanted);
    if (told.is !== "right") return told;
  }
  return { is: "right" };
}

function toldBy(got: Exchange, { header, revision, other }: Wanted): Told {
  switch (got.is) {
    case "answer": {
      const value = got.headers[header.toLowerCase()];
      if (value === revision) return { is: "right" };
      if (value !== undefined && value === other) return { is: "wrong", who: value };
      if (value !== undefined)
        return { is: "cannot", why: `answers ${header}: ${value}, which is the revision of neither slot` };
      if (isOwnAnswer(got)) return { is: "wrong", who: `${got.status} for itself` };
      return { is: "cannot", why: `answers ${got.status} without the header ${header}` };
    }
    case "aborted":
      return { is: "cannot", why: "does not answer in time" };
    case "broken":
    case "invalid":
    case "unknown":
      return { is: "cannot", why: `cannot be asked from here: ${got.why}` };
    default: {
      const never: never = got;
      return never;
    }
  }
}

import type { Check, Sample } from "../core/checks.ts";
import { createRedactor, excerpt } from "../core/redact.ts";
import { unsealCheck, type Lookup } from "../core/sealed.ts";
import { assertNever, millis } from "../core/units.ts";
import type { Probe } from "../ports/probe.ts";
import { askExec, expectedExit } from "./exec.ts";
import { askHttp, expectedStatus } from "./http.ts";
import { prove } from "./identity.ts";
import { limit, type Limit, type Outcome } from "./outcome.ts";
import { askTcp, expectedOpen } from "./tcp.ts";

/** Characters of a body or an output shown to people. */
const EXCERPT = 200;
/** Characters of `expected` and `actual`. */
const PHRASE = 160;
/** So much of a text is searched for secrets before it is cut to an excerpt. */
const SEARCHED = 16 * 1024;

type Of = Parameters<Probe["sample"]>[1];

/**
 * @param options.secrets values that no sample may show, in whatever form an answer repeats them.
 * @param options.unseal finds the secrets of sealed checks; they are not shown either. Without it none is known.
 */
export function createProbe(
  options: { readonly secrets?: readonly string[]; readonly unseal?: Lookup } = {},
): Probe {
  const { secrets = [], unseal = () => undefined } = options;
  const cover = coverOf(secrets);
  return {
    sample: async (sealed, of, signal) => {
      const started = performance.now();
      const unsealed = unsealCheck(sealed, unseal);
      // Asked with a placeholder, a healthy replica would refuse the question: that would say nothing about it.
      if (unsealed.is === "unknown")
        return toSample(sealed, of, NOT_KNOWN, performance.now() - started, cover);
      const { check, values } = unsealed;
      const safe = values.length === 0 ? cover : coverOf([...secrets, ...values]);
      const bound = limit(check.timeout, signal, expectation(check, of));
      try {
        const outcome = await answer(check, of, bound);
        return toSample(check, of, outcome, performance.now() - started, safe);
      } finally {
        bound.end();
      }
    },
  };
}

const NOT_KNOWN: Outcome = {
  is: "unknown",
  why: "not asked: a secret of this check is no longer known on this machine; deploy again (TEAL-H110)",
};

/** Makes a text safe to show and cuts it to `max` characters. */
type Cover = (text: string, max: number) => string;

function coverOf(secrets: readonly string[]): Cover {
  const hide = createRedactor(secrets);
  const longest = Math.max(0, ...secrets.map((secret) => secret.length));
  // What lies behind the searched part is dropped, and with it anything that its end may have cut a secret in two.
  return (text, max) =>
    excerpt(
      text.length <= SEARCHED ? hide(text) : hide(text.slice(0, SEARCHED)).slice(0, -longest * 4 - 1_024),
      max,
    );
}

async function answer(check: Check, of: Of, bound: Limit): Promise<Outcome> {
  switch (check.ask) {
    case "http": {
      const { outcome, headers } = await askHttp(check.http, of.reach, bound);
      return withIdentity(outcome, of, of.reach.port, headers);
    }
    case "tcp": {
      const port = check.tcp.port ?? of.reach.port;
      return withIdentity(await askTcp(of.reach, port, bound), of, port);
    }
    case "exec":
      // The target itself runs it beside the replica: nothing to prove.
      return askExec(check.exec, of.reach, bound);
    default:
      return assertNever(check);
  }
}

/**
 * A pass counts only when the candidate itself gave it. A failure is worth the same question where the process can be
 * told: `got 404` from somebody else's process would send people looking in the wrong place.
 */
async function withIdentity(
  outcome: Outcome,
  of: Of,
  port: number,
  headers?: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const answeredBadly = outcome.is === "fail" && headers !== undefined && of.identity.by === "process";
  if (outcome.is !== "pass" && !answeredBadly) return outcome;
  const proof = await prove(of.identity, { reach: of.reach, revision: of.revision, port }, headers);
  switch (proof.is) {
    case "proven":
      return outcome;
    case "wrong":
      return { is: "fail", expected: proof.expected, actual: proof.actual };
    case "unknown":
      return outcome.is === "pass" ? proof : outcome;
    default:
      return assertNever(proof);
  }
}

function expectation(check: Check, of: Of): string {
  switch (check.ask) {
    case "http":
      return expectedStatus(check.http);
    case "tcp":
      return expectedOpen(check.tcp.port ?? of.reach.port);
    case "exec":
      return expectedExit(check.exec.expectExit);
    default:
      return assertNever(check);
  }
}

function toSample(check: Check, of: Of, outcome: Outcome, took: number, safe: Cover): Sample {
  const common = {
    check: check.name,
    replica: of.reach.replica,
    incarnation: of.reach.incarnation,
    attempt: of.attempt,
    took: millis(Math.round(took)),
    result: outcome.is,
  };
  if (outcome.is === "unknown") return { ...common, actual: safe(outcome.why, PHRASE) };
  return {
    ...common,
    ...(outcome.is === "fail" ? { expected: safe(outcome.expected, PHRASE) } : {}),
    actual: safe(outcome.actual, PHRASE),
    ...(outcome.excerpt === undefined ? {} : { excerpt: safe(outcome.excerpt, EXCERPT) }),
  };
}

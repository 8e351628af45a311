import { occurrences } from "./occurrences.ts";

/** What stands where a secret was. */
export const REDACTED = "[redacted]";

/** Shorter values are words of everyday text: hiding them would make every message unreadable and protect nothing. */
const SHORTEST = 4;
/** A line of a multi-line secret, or a piece of its base64, must be longer to be told from ordinary text. */
const SHORTEST_PART = 8;

/**
 * Hides known secrets, in every form they usually travel in, and everything that looks like one.
 * Redact before cutting a text: half a secret is not recognised any more.
 * @param secrets known values; a multi-line value is also hidden line by line.
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  return createRedactor(secrets)(text);
}

/** As `redact`, with the forms of the secrets worked out once. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = [...new Set(secrets.flatMap(formsOf))];
  return (text) => hidePatterns(hideKnown(text, forms));
}

/**
 * A piece of text that is safe to print: one line, every control and direction character visible as an escape, so that
 * no answer can move the cursor, colour the terminal or forge a line; cut to `max` characters.
 */
export function excerpt(text: string, max: number): string {
  // Four times `max` is enough to fill it after runs of blanks shrank; more would only cost time.
  const visible = text
    .slice(0, Math.max(max * 4, 1_024))
    .toWellFormed()
    .replace(/\s+/gu, " ")
    .trim()
    .replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu,
      (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
    );
  const characters = Array.from(visible);
  return characters.length <= max ? visible : `${characters.slice(0, Math.max(0, max - 1)).join("")}…`;
}

function hideKnown(text: string, forms: readonly string[]): string {
  let shown = "";
  let end = 0;
  for (const [from, to] of occurrences(text, forms)) {
    shown += text.slice(end, from) + REDACTED;
    end = to;
  }
  return shown + text.slice(end);
}

/** The secret itself and as it appears in URLs, forms, JSON, HTML and base64 (also inside a longer encoded text). */
function formsOf(secret: string): readonly string[] {
  if (secret.length < SHORTEST) return [];
  const value = secret.toWellFormed();
  const url = encodeURIComponent(value);
  const json = JSON.stringify(value).slice(1, -1);
  const html = value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
  const lines = value.split(/\r?\n/u).filter((line) => line !== value && line.trim().length >= SHORTEST_PART);
  return [
    value,
    url,
    url.replace(/%[0-9A-F]{2}/gu, (code) => code.toLowerCase()),
    url.replaceAll("%20", "+"),
    json,
    html,
    html.replaceAll("'", "&#39;"),
    ...base64Forms(value),
    ...lines,
  ].filter((form) => form.length >= SHORTEST);
}

/** Base64 depends on where in a group of three bytes the secret begins (`user:secret` in a Basic header). */
function base64Forms(value: string): readonly string[] {
  const bytes = new TextEncoder().encode(value);
  return [0, 1, 2].flatMap((offset) => {
    const shifted = String.fromCharCode(...new Uint8Array(offset), ...bytes);
    // Only characters whose six bits all come from the secret.
    const piece = btoa(shifted).slice(Math.ceil((offset * 8) / 6), Math.floor((shifted.length * 8) / 6));
    return piece.length < SHORTEST_PART - 2 ? [] : [piece, piece.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

const NAMES =
  "passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?";

/** Quotes may be missing at the end: the text was cut off there. */
const VALUES = [
  /"(?:[^"\\\n]|\\.)*"?/u,
  // JSON inside a JSON string: `\"` ends the value, `\\\"` is a quote in it.
  /\\"(?:[^"\\]|\\\\(?:\\.)?|\\[^"\\])*(?:\\")?/u,
  /'[^'\n]*'?/u,
  /[^\s&]+/u,
].map((value) => value.source);

/** Every repetition that could begin at many places is bounded: the text may have been made to be slow. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/gu, REDACTED],
  // `Authorization: Basic ...`, `"cookie":"a=b; c=d"`: the rest of the line or of the quoted value.
  [/((?:authorization|cookie)\\{0,3}["']?\s{0,5}[:=]\s{0,5}\\{0,3}["']?)[^"'\r\n]+/giu, `$1${REDACTED}`],
  [/(:\/\/[^\s/?#@:]{0,200}:)[^\s/?#]{1,500}@/gu, `$1${REDACTED}@`],
  [
    new RegExp(`((?:${NAMES})[\\w-]{0,20}\\\\{0,3}["']?\\s{0,5}[=:]\\s{0,5})(?:${VALUES.join("|")})`, "giu"),
    `$1${REDACTED}`,
  ],
  [/\b(bearer\s{1,5})[\w.~+/=-]{16,}/giu, `$1${REDACTED}`],
  [/\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}\b/gu, REDACTED],
  [/\beyJ[\w-]{8,4096}\.[\w-]{8,8192}(?:\.[\w-]{0,4096})?/gu, REDACTED],
  // Tokens that say what they are: GitHub, GitLab, Slack, npm, Stripe and look-alikes, Google.
  [
    /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|npm_|[sr]k[-_](?:live|test|proj|ant)[-_]|AIza)[\w-]{16,512}/gu,
    REDACTED,
  ],
];

function hidePatterns(text: string): string {
  return PATTERNS.reduce((shown, [pattern, instead]) => shown.replace(pattern, instead), text);
}

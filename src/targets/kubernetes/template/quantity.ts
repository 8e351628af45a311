/** Powers of the suffixes of a quantity: decimal ones of 10, binary ones of 2. */
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
/** The API counts in nothing smaller than 10^-9. */
const SMALLEST = 9;

/**
 * One text for equal amounts: `1000m`, `1`, `1.0` and `1e0` are `1000000000` (10^-9 each). The API server shows an
 * amount in its own way, not as it was written. What is no quantity stays as it is, for the API server to refuse.
 */
export function normalQuantity(value: unknown): unknown {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return value;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return value;
  const [, sign = "", whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole + fraction === "") return value;
  const binary = BINARY[suffix];
  const power = SMALLEST - fraction.length + Number(exponent ?? DECIMAL[suffix] ?? 0);
  const digits = BigInt(whole + fraction) * (binary === undefined ? 1n : 2n ** BigInt(binary));
  const amount = power >= 0 ? digits * 10n ** BigInt(power) : roundedUp(digits, 10n ** BigInt(-power));
  return `${sign === "-" ? "-" : ""}${amount}`;
}

/** As the API rounds what is smaller than it can count. */
function roundedUp(digits: bigint, divisor: bigint): bigint {
  return (digits + divisor - 1n) / divisor;
}

/** What is left when neither a list nor a structure: anything else is a mistake of the operation. */
export function scalar(value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return `${value}`;
  throw new TypeError(`${typeof value} is no scalar of an API`);
}

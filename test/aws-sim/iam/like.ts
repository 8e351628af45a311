/** Whether a text matches a pattern with `*` (any characters) and `?` (any one). */
export function like(pattern: string, text: string, ignoreCase = false): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, ignoreCase ? "is" : "s").test(text);
}

/**
 * Where any of the words occurs in the text, `[from, to)` in order. What overlaps is joined to one: words that share a
 * piece must not uncover each other's rest.
 */
export function occurrences(text: string, words: readonly string[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const word of words) {
    if (word === "") continue;
    for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1))
      found.push([at, at + word.length]);
  }
  found.sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of found) {
    const last = joined.at(-1);
    if (last !== undefined && from < last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

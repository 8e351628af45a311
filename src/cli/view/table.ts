import { padded, printable, width } from "./width.ts";

/**
 * A table of cells, its first row the heads. Too wide for the terminal, it is turned: one block for each row, one line
 * for each head. A row with fewer cells than heads is a sentence after its first cell.
 */
export function table(rows: readonly (readonly string[])[], columns: number): readonly string[] {
  const cells = rows.map((row) => row.map(printable));
  const [heads = []] = cells;
  const full = cells.filter((row) => row.length === heads.length);
  const widths = heads.map((_, column) => Math.max(...full.map((row) => width(row[column] ?? ""))));
  const total = widths.reduce((sum, each) => sum + each + 2, -2);
  return total <= columns ? cells.map((row) => flat(row, heads.length, widths)) : turned(cells, heads);
}

function flat(row: readonly string[], count: number, widths: readonly number[]): string {
  const shown = row.length === count ? row : [row[0] ?? "", row.slice(1).join(" ")];
  return shown
    .map((cell, column) => padded(cell, widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}

function turned([, ...rows]: readonly (readonly string[])[], heads: readonly string[]): readonly string[] {
  const wide = Math.max(...heads.map(width));
  return rows.flatMap((row, index) => {
    const [name = "", ...rest] = row;
    const facts =
      row.length === heads.length
        ? rest.map((cell, column) => `  ${padded(heads[column + 1] ?? "", wide)}  ${cell}`)
        : rest.map((cell) => `  ${cell}`);
    return [...(index === 0 ? [] : [""]), name, ...facts];
  });
}

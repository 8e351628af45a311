/**
 * Sum of all samples of one metric in Prometheus' text format (version 0.0.4; OpenMetrics 1.0 is read as well),
 * whatever their labels. A metric that is declared and has no sample yet counts 0; undefined: there is no such metric.
 * Source of the grammar: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function sumOf(text: string, name: string): number | undefined {
  let sum: number | undefined;
  for (const line of text.split("\n")) {
    const value = isDeclaration(line, name) ? 0 : valueOf(line, name);
    if (value !== undefined) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** `# TYPE requests_total counter`; OpenMetrics leaves `_total` away here. */
function isDeclaration(line: string, name: string): boolean {
  const [hash, word, declared] = line.split(/\s+/u, 3);
  return hash === "#" && word === "TYPE" && (declared === name || `${declared}_total` === name);
}

function valueOf(line: string, name: string): number | undefined {
  if (!line.startsWith(name)) return undefined;
  // A label's value may hold anything, a brace or a blank included, but for the quotes, which it escapes.
  const sample = /^(?:\s*\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}\s*|\s+)(\S+)/u.exec(line.slice(name.length));
  const value = Number(sample?.[1] ?? NaN);
  return Number.isFinite(value) ? value : undefined;
}

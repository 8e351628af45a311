import type { About } from "./rule.ts";

const CLASSES = {
  breaksLive: "breaks the live version",
  breaksCandidate: "breaks the candidate",
  fails: "the migration fails",
  losesData: "loses data",
  locks: "holds others up by a lock",
  rewrites: "writes a table anew",
  scans: "reads a whole table under a lock",
  unread: "could not be judged",
  practice: "good practice",
} as const satisfies Record<About["class"], string>;

const PHASES = {
  expand: "expand: before the candidate starts, in the safe form",
  contract: "contract: after the previous revision is gone",
  never: "in neither phase; another way leads there",
} as const satisfies Record<About["phase"], string>;

/** A rule in plain text, for a terminal. */
export function explain(rule: About): readonly string[] {
  const indented = (sql: string) => sql.split("\n").map((line) => `    ${line}`);
  return [
    `${rule.code} ${rule.title}`,
    `  ${kindOf(rule)}`,
    `  Where it belongs: ${PHASES[rule.phase]}`,
    `  ${rule.why}`,
    `  Evidence: ${rule.evidence}`,
    "  Bad:",
    ...indented(rule.bad),
    "  Good:",
    ...indented(rule.good),
  ];
}

/** The rule's page, as Markdown. */
export function pageOf(rule: About): string {
  return `# ${rule.code} ${rule.title}

Generated from \`src/migrations/rules\` by \`npm run rules\`; change the rule, not this page.

${kindOf(rule)}. Where it belongs: ${PHASES[rule.phase]}.

${rule.why}

## Bad

\`\`\`sql
${rule.bad}
\`\`\`

## Good

\`\`\`sql
${rule.good}
\`\`\`

## Evidence

${rule.evidence}

## Accepting it

Above the statement, with a reason: \`-- teal: acknowledge ${rule.code} REASON\`.
`;
}

/** The table of all rules. */
export function indexPage(rules: readonly About[]): string {
  const rows = rules.map(
    (rule) => `| [${rule.code}](${fileOf(rule)}) | ${rule.title} | ${kindOf(rule)} | ${rule.phase} |`,
  );
  return `# What \`teal migrate lint\` finds

Generated from \`src/migrations/rules\` by \`npm run rules\`; change the rules, not this page.

A finding that is certain, and more than practice, ends \`teal migrate lint\` with exit 3 until it is solved or acknowledged.
A possible one depends on what the text alone does not tell.

| Code | Finds | Kind | Phase |
|---|---|---|---|
${rows.join("\n")}
`;
}

/** The rules as a part of \`docs/errors.d\`, since their codes end commands. */
export function errorsPart(rules: readonly About[]): string {
  const sections = rules.map(
    (rule) => `## ${rule.code} ${rule.title}
Meaning: ${rule.why}
Who serves: the live revision; \`migrate lint\` changes nothing.
Next: \`teal migrate explain ${rule.code}\`, or docs/rules/${fileOf(rule)}.
`,
  );
  return `# Findings in migrations\n\nGenerated from \`src/migrations/rules\` by \`npm run rules\`.\n\n${sections.join("\n")}`;
}

export function fileOf({ code, name }: About): string {
  return `${code.replace("TEAL-", "")}-${name}.md`;
}

function kindOf(rule: About): string {
  return `${rule.certainty === "possible" ? "Possibly " : ""}${CLASSES[rule.class]}`;
}

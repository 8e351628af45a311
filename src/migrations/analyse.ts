import type { Finding } from "./finding.ts";
import { type Block, readBlock } from "./reading/block.ts";
import { type Change, changesOf } from "./reading/changes.ts";
import type { Migration, Problem } from "./reading/model.ts";
import type { Parser } from "./reading/parser.ts";
import { Positions } from "./reading/position.ts";
import { Context, withTransactions } from "./rules/context.ts";
import { ALWAYS, rulesFor, ruleOf } from "./rules/index.ts";
import type { Rule } from "./rules/rule.ts";

/** A change and the statement of its file that does it, perhaps within a DO block. */
interface Placed {
  readonly change: Change;
  readonly statement: number;
  readonly block?: Block;
}

/** Everything the rules find in one migration; acknowledged findings say so, and what is acknowledged in vain is one too. */
export function analyse(migration: Migration, parser: Parser): readonly Finding[] {
  const placed = migration.statements.flatMap((statement, index) =>
    changesOf(statement).flatMap((change): readonly Placed[] => {
      if (change.is !== "block") return [{ change, statement: index }];
      const block = readBlock(statement, change, parser);
      const within = block.statements.flatMap((part) => changesOf(part));
      return [
        { change, statement: index, block },
        ...within.map((inner) => ({ change: inner, statement: index })),
      ];
    }),
  );
  const findings: Finding[] = [];
  const used = new Set<number>();
  const positions = new Positions(migration.text);
  const add = (
    rule: Rule,
    at: number,
    statement: number,
    hit: { says: string; safe?: string; certainty?: Finding["certainty"] },
  ) => {
    const word = migration.acknowledgements.findIndex(
      (one) => one.code === rule.code && one.statement === statement,
    );
    const end = Math.max(at + 1, migration.statements[statement]?.span.end ?? 0);
    if (word >= 0) used.add(word);
    const acknowledged = word < 0 ? undefined : migration.acknowledgements[word]?.reason;
    findings.push({
      ...stated(rule),
      where: { file: migration.file, ...positions.span(at, end) },
      certainty: hit.certainty ?? rule.certainty,
      says: hit.says,
      ...(hit.safe === undefined ? {} : { safe: hit.safe }),
      ...(acknowledged === undefined ? {} : { acknowledged }),
    });
  };
  const changes = placed.map(({ change }) => change);
  const context = new Context(migration, withTransactions(migration, changes));
  for (const { statement, block } of placed) {
    const change = context.next();
    if (change === undefined) break;
    if (block?.opaque === true)
      add(ALWAYS.block, change.at, statement, { says: "a block whose body could not be read" });
    if (block?.dynamic !== undefined)
      add(ALWAYS.block, change.at, statement, {
        says: `what EXECUTE ${short(block.dynamic)} runs is known only when it runs`,
      });
    for (const rule of rulesFor(change.is)) {
      const hit = rule.check(change, context);
      if (hit !== undefined) add(rule, change.at, statement, hit);
    }
  }
  migration.acknowledgements.forEach(({ code, span }, index) => {
    if (used.has(index)) return;
    const says = `nothing here is ${code}`;
    findings.push({ ...stated(ALWAYS.unused), where: { file: migration.file, ...span }, says });
  });
  return findings;
}

/** A problem of reading as the finding it is. */
export function findingOf({ code, file, span, says, acknowledged }: Problem): Finding {
  const rule = ruleOf(code);
  if (rule === undefined) throw new Error(`no rule explains ${code}`);
  const where = { file, ...span };
  return { ...stated(rule), where, says, ...(acknowledged === undefined ? {} : { acknowledged }) };
}

function stated({ code, class: kind, certainty, phase, why }: Rule) {
  return { code, class: kind, certainty, phase, why };
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/gu, " ").trim();
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}

import { styleText } from "node:util";
import type { Instant } from "../../core/units.ts";
import type { Line, Mark } from "./line.ts";
import { padded, printable } from "./width.ts";
import { tookInWords } from "./words.ts";

/** How lines look where they go. */
export interface Look {
  readonly color: boolean;
  /** Time stamps before each line: for output that nobody watches live. */
  readonly stamp?: (at: Instant) => string;
}

/** The mark of a step as one character. */
export const SIGNS = { good: "✓", bad: "✗", back: "↩", note: "·", wait: "…" } as const satisfies Record<
  Mark,
  string
>;
const COLORS = {
  good: "green",
  bad: "red",
  back: "yellow",
  note: "dim",
  wait: "cyan",
} as const satisfies Record<Mark, Color>;
type Color = Exclude<Parameters<typeof styleText>[0], readonly unknown[]>;

/** The label's column, and the one where the measured time begins. */
const LABEL = 9;
const FACTS = 52;

/** One line as text. Whatever it quotes cannot move the cursor, colour the terminal or forge a line. */
export function render(line: Line, look: Look): string {
  const stamp = look.stamp === undefined ? "" : `${look.stamp(line.at)} `;
  return (
    stamp +
    body(line, (color, text) =>
      look.color && color !== undefined ? styleText(color, text, { validateStream: false }) : text,
    )
  );
}

function body(line: Line, style: (color: Color | undefined, text: string) => string): string {
  const text = printable(line.text);
  switch (line.is) {
    case "step": {
      const took = line.took === undefined ? "" : `  ${style("dim", tookInWords(line.took))}`;
      const facts = took === "" ? text : padded(text, FACTS);
      return `${style(COLORS[line.mark], SIGNS[line.mark])} ${padded(printable(line.label), LABEL)} ${facts}${took}`;
    }
    case "detail":
      return `${" ".repeat(LABEL + 3)}${text}`;
    case "say":
      return style(TONES[line.tone], text);
  }
}

const TONES = { head: "bold", result: "bold", plain: undefined, code: "dim", quiet: "dim" } as const;

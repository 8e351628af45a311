/**
 * Cuts a script into statements as psql does, without understanding them: quotes, dollar quotes, nested comments,
 * parentheses and bodies written `BEGIN ATOMIC ... END` hide semicolons. So one statement that does not parse spoils no
 * other, and what is no SQL at all (commands of psql, data of COPY) is told apart.
 */
export type Piece =
  | {
      readonly is: "statement";
      readonly start: number;
      readonly end: number;
      readonly comments: readonly Range[];
    }
  | { readonly is: "comment"; readonly start: number; readonly end: number }
  | { readonly is: "command"; readonly start: number; readonly end: number; readonly name: string }
  | { readonly is: "data"; readonly start: number; readonly end: number; readonly ended: boolean };

export interface Range {
  readonly start: number;
  readonly end: number;
}

const COPY_FROM_STDIN = /^copy\s[\s\S]*\sfrom\s+stdin\b/iu;
const WORD = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iuy;
const DOLLAR_TAG = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/iuy;

/** The pieces of `text` between `from` and `to`, in order. */
export function pieces(text: string, from = 0, to = text.length): readonly Piece[] {
  return new Cutter(text, from, to).cut();
}

class Cutter {
  readonly #text: string;
  readonly #to: number;
  readonly #found: Piece[] = [];
  #at: number;
  /** Of the statement being read; undefined between statements. */
  #start: number | undefined;
  #comments: Range[] = [];
  #words: string[] = [];
  #depth = 0;
  #bodies = 0;
  /** Data follows the line on which `COPY ... FROM stdin;` ends. */
  #dataDue = false;

  constructor(text: string, from: number, to: number) {
    this.#text = text;
    this.#at = from;
    this.#to = to;
  }

  cut(): readonly Piece[] {
    while (this.#at < this.#to) this.#step(this.#text[this.#at] ?? "");
    this.#endStatement(this.#to);
    return this.#found;
  }

  #step(char: string): void {
    const next = this.#text[this.#at + 1] ?? "";
    if (char === "\n" && this.#dataDue) return this.#data();
    if (/\s|\uFEFF/u.test(char)) return void (this.#at += 1);
    if (char === "-" && next === "-") return this.#comment(this.#lineEnd());
    if (char === "/" && next === "*") return this.#comment(this.#blockEnd());
    if (char === "\\") return this.#command();
    if (char === ";" && this.#depth === 0 && this.#bodies === 0) return this.#semicolon();
    this.#start ??= this.#at;
    if (char === "'")
      return this.#quoted(
        "'",
        /[\w$]/u.test(this.#text[this.#at - 2] ?? "") ? "" : (this.#text[this.#at - 1] ?? ""),
      );
    if (char === '"') return this.#quoted('"', "");
    if (char === "{" && (next === "{" || next === "%" || next === "#")) return this.#template(next);
    if (char === "$") return this.#dollar();
    if (char === "(") this.#depth += 1;
    if (char === ")") this.#depth = Math.max(0, this.#depth - 1);
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) return void (this.#at += 1);
    this.#word(word.toLowerCase());
    this.#at += word.length;
  }

  /** The same rule as psql: a BEGIN in CREATE FUNCTION or PROCEDURE opens a body, CASE in it counts, END closes. */
  #word(word: string): void {
    if (this.#words.length < 4) this.#words.push(word);
    const [first, second, third, fourth] = this.#words;
    const made = second === "or" && third === "replace" ? fourth : second;
    if (first !== "create" || (made !== "function" && made !== "procedure") || this.#depth > 0) return;
    if (word === "begin" || (word === "case" && this.#bodies > 0)) this.#bodies += 1;
    if (word === "end") this.#bodies = Math.max(0, this.#bodies - 1);
  }

  #semicolon(): void {
    if (this.#start !== undefined) {
      this.#dataDue = COPY_FROM_STDIN.test(this.#text.slice(this.#start, this.#at));
      this.#endStatement(this.#at);
    }
    this.#at += 1;
  }

  #endStatement(at: number): void {
    if (this.#start !== undefined) {
      const last = this.#comments.at(-1);
      // A comment behind the last word belongs to no statement any more; those within stay with theirs.
      const text = this.#text.slice(
        this.#start,
        last !== undefined && /^\s*$/u.test(this.#text.slice(last.end, at)) ? last.start : at,
      );
      const end = this.#start + text.trimEnd().length;
      this.#found.push({ is: "statement", start: this.#start, end, comments: this.#comments });
    }
    this.#start = undefined;
    this.#comments = [];
    this.#words = [];
    this.#depth = 0;
    this.#bodies = 0;
  }

  #comment(end: number): void {
    const range = { start: this.#at, end };
    if (this.#start === undefined) this.#found.push({ is: "comment", ...range });
    else this.#comments.push(range);
    this.#at = end;
  }

  #command(): void {
    const [name = ""] = /^\\[^\s\\]*/u.exec(this.#text.slice(this.#at, this.#at + 64)) ?? [];
    // \g and its kind send the statement before them, as a semicolon does.
    if (/^\\(?:g|gexec|gset|gdesc|gx|crosstabview|watch)$/u.test(name)) this.#endStatement(this.#at);
    const end = this.#lineEnd();
    if (this.#start === undefined) this.#found.push({ is: "command", start: this.#at, end, name });
    else this.#comments.push({ start: this.#at, end });
    this.#at = end;
  }

  #data(): void {
    const start = this.#at + 1;
    const close = /^\\\.[ \t]*\r?$/mu.exec(this.#text.slice(start, this.#to));
    const end = close === null ? this.#to : start + close.index + close[0].length;
    this.#found.push({ is: "data", start, end, ended: close !== null });
    this.#dataDue = false;
    this.#at = end;
  }

  #quoted(quote: string, prefix: string): void {
    const escapes = quote === "'" && /e/iu.test(prefix);
    let at = this.#at + 1;
    while (at < this.#to) {
      const char = this.#text[at];
      if (escapes && char === "\\") at += 2;
      else if (char !== quote) at += 1;
      else if (this.#text[at + 1] === quote) at += 2;
      else break;
    }
    this.#at = Math.min(at + 1, this.#to);
  }

  #dollar(): void {
    DOLLAR_TAG.lastIndex = this.#at;
    const tag = /[\w$]/u.test(this.#text[this.#at - 1] ?? "") ? undefined : DOLLAR_TAG.exec(this.#text)?.[0];
    if (tag === undefined) return void (this.#at += 1);
    this.#through(tag, this.#at + tag.length);
  }

  #template(kind: string): void {
    const close = kind === "{" ? "}}" : `${kind}}`;
    if (this.#text.slice(this.#at, this.#to).includes(close)) this.#through(close, this.#at + 2);
    else this.#at += 2;
  }

  #through(close: string, from: number): void {
    const at = this.#text.indexOf(close, from);
    this.#at = at < 0 || at + close.length > this.#to ? this.#to : at + close.length;
  }

  #lineEnd(): number {
    const at = this.#text.slice(this.#at, this.#to).search(/[\r\n]/u);
    return at < 0 ? this.#to : this.#at + at;
  }

  #blockEnd(): number {
    let depth = 0;
    for (let at = this.#at; at < this.#to; at += 1) {
      const two = this.#text.slice(at, at + 2);
      if (two === "/*") depth += 1;
      if (two === "*/") depth -= 1;
      if (two === "/*" || two === "*/") at += 1;
      if (depth === 0) return at + 1;
    }
    return this.#to;
  }
}

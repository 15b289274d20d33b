// SPDX-License-Identifier: Apache-2.0
// Where in a rule file something stands: the way down from the file to the item, each step with line, column
// and offset. Falco reports errors with this whole way and a snippet of the last step, so that a rule of 200
// lines shows the one that is wrong. A step inside a condition is named by the condition's beginning instead
// of the file's name.

/** A place in a file, all three from 0. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** What a step leads to, in Falco's words. */
export type ItemType =
  | "value for"
  | "exceptions"
  | "exception"
  | "exception values"
  | "exception value"
  | "rules content"
  | "rules content item"
  | "required_engine_version"
  | "required plugin versions"
  | "required plugin versions entry"
  | "required plugin versions alternative"
  | "list"
  | "list item"
  | "macro"
  | "macro condition"
  | "rule"
  | "rule condition"
  | "condition expression"
  | "rule output"
  | "rule output expression"
  | "rule priority"
  | "overrides";

/** One step of the way. */
export interface Step {
  readonly item: ItemType;
  readonly name: string;
  readonly source: string;
  readonly at: Position;
}

/** The way from a file to what is wrong. Contexts do not change: enter() gives another. */
export class Context {
  readonly #condition: string | undefined;

  private constructor(
    readonly steps: readonly Step[],
    condition: string | undefined,
  ) {
    this.#condition = condition;
  }

  static file(source: string): Context {
    const at = { line: 0, column: 0, offset: 0 };
    return new Context([{ item: "rules content", name: "", source, at }], undefined);
  }

  get source(): string {
    return this.steps[0]!.source;
  }

  enter(at: Position, item: ItemType, name = ""): Context {
    return new Context([...this.steps, { item, name, source: this.source, at }], undefined);
  }

  /**
   * A place inside `condition`. The positions of a parser count from 1, and are added to those of the
   * condition itself.
   */
  inCondition(at: Position, condition: string): Context {
    const outer = this.steps[this.steps.length - 1]!.at;
    const head = condition.length > CONDITION_SHOWN ? `${condition.slice(0, CONDITION_SHOWN - 3)}...` : condition;
    const source = `"${head}"`.replace(/[\n\r]/g, " ");
    const sum = { line: at.line + outer.line, column: at.column + outer.column, offset: at.offset + outer.offset };
    const step: Step = { item: "condition expression", name: "", source, at: sum };
    return new Context([...this.steps, step], condition);
  }

  toString(): string {
    const line = (step: Step) => {
      const name = step.name === "" ? "" : ` '${step.name}'`;
      return `${step.item}${name}: (${step.source}:${step.at.line}:${step.at.column})`;
    };
    return this.steps.map((step, i) => `${i === 0 ? "In " : "    "}${line(step)}\n`).join("");
  }

  toJson(contents: ReadonlyMap<string, string>): object {
    const locations = this.steps.map((step) => ({
      item_name: step.name,
      item_type: step.item,
      position: { column: step.at.column, line: step.at.line, name: step.source, offset: step.at.offset },
    }));
    return { locations, snippet: this.snippet(contents) };
  }

  /** The line around the place, at most `SNIPPET_WIDTH` wide, and a caret below it. */
  snippet(contents: ReadonlyMap<string, string>): string {
    const last = this.steps[this.steps.length - 1]!;
    const text = this.#condition ?? contents.get(last.source);
    if (text === undefined) return `<No context for file ${last.source}>\n`;
    if (text === "") return "<No context available>\n";
    const bytes = Buffer.from(text);
    const half = SNIPPET_WIDTH / 2;
    const isBreak = (i: number) => bytes[i] === 10;
    let place = last.at.offset;
    while (place > 0 && (place >= bytes.length || isBreak(place))) place--;
    let from = place;
    while (from > 0 && !isBreak(from - 1) && place - from < half) from--;
    let to = place;
    while (to < bytes.length && !isBreak(to) && to - place < half) to++;
    let shown = bytes.subarray(from, to).toString();
    if (shown === "") return "<No context available>\n";
    if (place - from >= half) shown = `...${shown.slice(3)}`;
    if (to - place >= half) shown = `${shown.slice(0, -3)}...`;
    const before = bytes.subarray(from, place).toString().length;
    return `${shown}\n${" ".repeat(before)}^\n`;
  }
}

const CONDITION_SHOWN = 20;
const SNIPPET_WIDTH = 160;

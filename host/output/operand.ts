// SPDX-License-Identifier: Apache-2.0
// What stands behind a % of an output: a field, or a transformer of fields and quoted texts, as in a
// condition.
//
//   Operand   Field | Name '(' Argument (',' Argument)* ')' ('[' Option ']')?
//   Argument  Operand | '"' ... '"' | "'" ... "'"
//
// A field's name ends where it is one: `%fd.names` is fd.name and an s.

/** What one % stands for. */
export type Operand = FieldOperand | TextOperand | TransformOperand;
/** A field with its argument: `proc.aname[2]`. */
export interface FieldOperand {
  readonly kind: "field";
  readonly field: string;
}
/** A quoted text inside a transformer. */
export interface TextOperand {
  readonly kind: "text";
  readonly value: string;
}
/** A transformer and its arguments, as they were written. */
export interface TransformOperand {
  readonly kind: "transform";
  readonly name: string;
  readonly args: readonly Operand[];
  /** getopt(...)[c] */
  readonly option: string | null;
}

/** An operand, and the offset in the output's text behind it. */
export interface Found {
  readonly operand: Operand;
  /** Where the text goes on. */
  readonly end: number;
}

const NAME = /[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)+(?:\[[^\]]*\])?/y;
const CALL = /([a-z0-9]+)\(/y;
const OPTION = /\[([^\]]*)\]/y;
const BLANK = /[ \t\r\n]*/y;
const QUOTED = /"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'/sy;
const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Undefined where there is none. */
export function operandAt(text: string, at: number, isField: (name: string) => boolean): Found | undefined {
  const call = match(CALL, text, at);
  return call === undefined ? fieldAt(text, at, isField) : transformAt(text, at + call[0].length, call[1]!, isField);
}

/** The fields in it, in order. */
export function fieldsIn(operand: Operand): string[] {
  if (operand.kind === "field") return [operand.field];
  return operand.kind === "text" ? [] : operand.args.flatMap(fieldsIn);
}

/** The longest beginning that is a field. */
function fieldAt(text: string, at: number, isField: (name: string) => boolean): Found | undefined {
  const [name = ""] = match(NAME, text, at) ?? [];
  for (let size = name.length; size > 0; size--) {
    const field = name.slice(0, size);
    if (isField(field)) return { operand: { kind: "field", field }, end: at + size };
  }
  return undefined;
}

function transformAt(text: string, start: number, name: string, isField: (name: string) => boolean): Found | undefined {
  const args: Operand[] = [];
  for (let at = start; ; ) {
    at = afterBlank(text, at);
    const found = quotedAt(text, at) ?? operandAt(text, at, isField);
    if (found === undefined) return undefined;
    args.push(found.operand);
    at = afterBlank(text, found.end) + 1;
    if (text[at - 1] === ",") continue;
    if (text[at - 1] !== ")") return undefined;
    const option = name === "getopt" ? match(OPTION, text, at) : undefined;
    const operand: Operand = { kind: "transform", name, args, option: option?.[1] ?? null };
    return { operand, end: at + (option?.[0].length ?? 0) };
  }
}

function quotedAt(text: string, at: number): Found | undefined {
  const found = match(QUOTED, text, at);
  if (found === undefined) return undefined;
  const value = (found[1] ?? found[2] ?? "").replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
  return { operand: { kind: "text", value }, end: at + found[0].length };
}

function afterBlank(text: string, at: number): number {
  return at + (match(BLANK, text, at)?.[0].length ?? 0);
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

// SPDX-License-Identifier: Apache-2.0
// What Falco does to a rule's output before it is used: appends the fields that a plugin suggests and what
// the configuration asks for, and refuses a %field that does not exist.
//
// In an output `%field` and `%field[arg]` stand for values, `%transformer(field)` for a changed one. A
// percent sign alone is refused, as Falco does.
import { SUGGESTED_OUTPUT } from "../output/format.js";
import { operandAt } from "../output/operand.js";
import { isOperand } from "./bind.js";
import { isField, type Statics } from "./fields.js";

/** One `append_output` of Falco's configuration: where it applies, and what it adds. */
export interface Extra {
  readonly format?: string;
  readonly fields?: readonly ExtraField[]; // in output_fields alone
  readonly source?: string;
  tags?: readonly string[];
  readonly rule?: string;
}

/** What Falco's container plugin suggests, and what is appended unless the configuration says otherwise. */
export const SUGGESTED_FIELDS: readonly Extra[] = SUGGESTED_OUTPUT.trim()
  .split(" ")
  .map((format) => ({ format, source: "syscall" }));

interface Target {
  readonly name: string;
  readonly source: string;
  tags: ReadonlySet<string>;
}

/** The output with the formats of all extras that apply to the rule, joined by blanks. */
export function withExtras(output: string, rule: Target, extras: readonly Extra[]): string {
  return [output, ...extras.filter((extra) => applies(extra, rule)).flatMap(({ format }) => format ?? [])].join(" ");
}

function applies(extra: Extra, rule: Target): boolean {
  return (
    (extra.source === undefined || extra.source === rule.source) &&
    (extra.tags ?? []).every((tag) => rule.tags.has(tag)) &&
    (extra.rule === undefined || extra.rule === rule.name)
  );
}

const WORD = /^\S{0,40}/;

/**
 * The first %field that cannot be: the sentence for LOAD_ERR_COMPILE_OUTPUT, or null. A number before a field
 * is its width.
 */
export function outputComplaint(output: string, statics: Statics): string | null {
  for (let at = output.indexOf("%"); at >= 0; ) {
    const [star, digits = ""] = /^\*?(\d*)/.exec(output.slice(at + 1)) as RegExpExecArray;
    const start = at + 1 + star.length;
    if (start === output.length) {
      return `invalid formatting syntax: formatting cannot end with a ${digits === "" ? "%" : "number"}`;
    }
    const found = operandAt(output, start, (name) => isField(name, statics));
    const isGood = found !== undefined && isOperand(output.slice(start, found.end), statics);
    if (!isGood) return `invalid formatting token ${WORD.exec(output.slice(start))![0]}`;
    at = output.indexOf("%", found.end);
  }
  return null;
}

/** The fields of the configuration are the same for every event, so they are put into the text. */
export function withStatics(output: string, statics: Statics): string {
  let out = "";
  let end = 0;
  for (let at = output.indexOf("%"); at >= 0; at = output.indexOf("%", end)) {
    const start = at + /^%\*?\d*/.exec(output.slice(at))![0].length;
    const found = operandAt(output, start, (name) => isField(name, statics));
    if (found === undefined) return output; // refused already
    const token = output.slice(at, found.end);
    const value = found.operand.kind === "field" ? statics.get(found.operand.field) : undefined;
    out += output.slice(end, at);
    out += value === undefined ? token.replace(STATIC, (name) => quoted(statics.get(name) ?? name)) : plain(value);
    end = found.end;
  }
  return out + output.slice(end);
}
const STATIC = /\bstatic\.\w+/g;
const quoted = (text: string) => JSON.stringify(text);
const plain = (text: string) => text.replaceAll("%", "%%");

/** What stands in output_fields alone. `format` null: the field of that name itself, with its own type. */
export interface ExtraField {
  readonly name: string;
  readonly format: string | null;
}

/**
 * Those that the configuration asks for, and its own fields where the output names them. The last of a name
 * counts.
 */
export function fieldsOf(output: string, rule: Target, extras: readonly Extra[], statics: Statics): ExtraField[] {
  const asked = extras.filter((extra) => applies(extra, rule)).flatMap((extra) => extra.fields ?? []);
  const named = (output.match(STATIC) ?? []).filter((name) => statics.has(name));
  const fields = new Map([...named.map((name) => ({ name, format: null })), ...asked].map((one) => [one.name, one]));
  return [...fields.values()].map(({ name, format }) => {
    const value = format === null ? statics.get(name) : undefined;
    return { name, format: value === undefined ? format : plain(value) };
  });
}

// SPDX-License-Identifier: Apache-2.0
// What Falco does to a rule's output before it is used: appends the fields that a plugin suggests and what the configuration asks
// for, and refuses a %field that does not exist.
//
// In an output `%field` and `%field[arg]` stand for values, `%transformer(field)` for a changed one. A percent sign alone is refused, as
// Falco does.
import { SUGGESTED_OUTPUT } from "../output/format.js";
import { kTransformers } from "./condition.js";
import { isField } from "./fields.js";

// One `append_output` of Falco's configuration: where it applies, and what it adds.
export interface Extra {
  format: string;
  source?: string;
  tags?: readonly string[];
  rule?: string;
}

// What Falco's container plugin suggests, and what is appended unless the configuration says otherwise.
export const kSuggestedOutput: readonly Extra[] = SUGGESTED_OUTPUT.trim()
  .split(" ")
  .map((format) => ({ format, source: "syscall" }));

interface Target {
  name: string;
  source: string;
  tags: ReadonlySet<string>;
}

export function withExtras(output: string, rule: Target, extras: readonly Extra[]): string {
  const applies = (extra: Extra) =>
    (extra.source === undefined || extra.source === rule.source) &&
    (extra.tags ?? []).every((tag) => rule.tags.has(tag)) &&
    (extra.rule === undefined || extra.rule === rule.name);
  return [output, ...extras.filter(applies).map((extra) => extra.format)].join(" ");
}

const kToken = /^\*?((?:[a-z0-9]+\(\s*)*)([a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*(?:\[[^\]]*\])?)((?:\s*\))*)/;
const kWord = /^.\S{0,40}/;

// The first %field that cannot be: the sentence for LOAD_ERR_COMPILE_OUTPUT, or null. A number before a field is its width.
export function outputComplaint(output: string): string | null {
  for (let at = output.indexOf("%"); at >= 0; at = output.indexOf("%", at + 1)) {
    const [digits = ""] = /^\d*/.exec(output.slice(at + 1)) ?? [];
    const rest = output.slice(at + 1 + digits.length);
    const what = digits === "" ? "%" : "number";
    if (rest === "") return `invalid formatting syntax: formatting cannot end with a ${what}`;
    const [token, transformers = "", field = "", ends = ""] = kToken.exec(rest) ?? [];
    if (token === undefined || !isToken(transformers, field, ends))
      return `invalid formatting token ${token ?? kWord.exec(rest)?.[0]}`;
  }
  return null;
}

// A field's name ends where it is one; within a transformer nothing may follow it.
function isToken(transformers: string, field: string, ends: string): boolean {
  const names = transformers.split("(").slice(0, -1);
  if (names.length === 0) return Array.from(field, (_, i) => field.slice(0, i + 1)).some(isField);
  const isKnown = names.every((name) => (kTransformers as readonly string[]).includes(name.trim()));
  return isKnown && isField(field) && ends.split(")").length > names.length;
}

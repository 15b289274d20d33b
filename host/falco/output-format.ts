// SPDX-License-Identifier: Apache-2.0
// What Falco does to a rule's output before it is used: appends the fields that a plugin suggests and what the configuration asks
// for, and refuses a %field that does not exist.
//
// In an output `%field` and `%field[arg]` stand for values, `%transformer(field)` for a changed one, `%%` for a percent sign.
import { SUGGESTED_OUTPUT } from "../output/format.js";
import { kTransformers } from "./condition.js";
import { FieldError, parseField } from "./fields.js";

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

// Longest first, so that `%fd.name` does not end at `%fd`. A transformer stands before a parenthesis.
const kToken = /%(?:%|\*?((?:[a-z0-9]+\()*)([a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)*(?:\[[^\]]*\])?)(\)*))/g;

// The first %field that cannot be: the sentence for LOAD_ERR_COMPILE_OUTPUT, or null.
export function outputComplaint(output: string): string | null {
  for (const [token, transformers, field] of output.matchAll(kToken)) {
    if (token === "%%" || field === undefined) continue;
    const unknown = (transformers ?? "")
      .split("(")
      .find((t) => t !== "" && !(kTransformers as readonly string[]).includes(t));
    if (unknown !== undefined) return `invalid formatting token ${token.slice(1)}`;
    try {
      parseField(field);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      return `invalid formatting token ${field}`;
    }
  }
  return null;
}

// SPDX-License-Identifier: Apache-2.0
// The `output` of a rule: text with %fields in it, compiled once and filled for each alert. `%proc.name`,
// `%proc.aname[2]`; a field that is not there prints as <NA> and is null in output_fields; `%%` is one
// percent sign. `%toupper(proc.name)` and `%join(",", proc.args)` are transformed (transform.ts):
// output_fields has their fields as they are. `%20proc.name` is 20 characters wide. What may stand behind a %
// is in operand.ts.
import { VedetteError } from "../errors.js";
import type { Batch } from "../wire/batch.js";
import { type FieldGetter, fieldText, fieldValue } from "../wire/fields.js";
import { type BytesForm, showing } from "../wire/render.js";
import { type Value, valueText } from "../wire/value.js";
import { fieldsIn, type Operand, operandAt } from "./operand.js";
import { operandValue } from "./transform.js";

/** A filled output: the sentence, and each field that it names, in its order. */
export interface Formatted {
  readonly text: string;
  readonly fields: [name: string, value: Value][];
}
/** Fills the output for the record that begins at byte `recordOffset`. */
export type Format = (batch: Batch, recordOffset: number) => Formatted;

/**
 * What Falco's container plugin appends to every rule's output; Falcosidekick and its dashboards look for
 * these.
 */
export const SUGGESTED_OUTPUT =
  " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository" +
  " container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

const SIGN = /%(%|\*?(\d*))/y;

interface Piece {
  readonly before: string;
  readonly show: (batch: Batch, recordOffset: number) => string;
  /** Whitespace, or what is cut off, makes it so many characters; 0: as many as there are. */
  readonly width: number;
}

/**
 * What stands in output_fields beside the output's own. `format` null: the field of that name itself, with
 * its own type.
 */
export interface ExtraField {
  readonly name: string;
  readonly format: string | null;
}

/** `bytes`: how it shows bytes. Throws VEDETTE_FIELD_UNKNOWN for a %field that there is not. */
export function compileFormat(output: string, extras: readonly ExtraField[] = [], bytes: BytesForm = "text"): Format {
  const format = compiled(output, extras);
  return bytes === "text" ? format : (batch, at) => showing(bytes, () => format(batch, at));
}

function compiled(output: string, extras: readonly ExtraField[]): Format {
  const pieces: Piece[] = [];
  const fields = new Map<string, FieldGetter>();
  let before = "";
  let end = 0;
  for (let at = output.indexOf("%"); at >= 0; at = output.indexOf("%", end)) {
    before += output.slice(end, at);
    SIGN.lastIndex = at;
    const [sign, digits, width = ""] = SIGN.exec(output) as RegExpExecArray;
    end = at + sign.length;
    const found = digits === "%" ? undefined : operandAt(output, end, isField);
    if (found === undefined && NAME.test(output.slice(end))) {
      throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: WORD.exec(output.slice(end))![0], output });
    }
    if (found === undefined) {
      before += "%";
      end = at + (digits === "%" ? 2 : 1);
      continue;
    }
    const get = operandValue(found.operand);
    if (get === undefined) {
      throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: output.slice(end, found.end), output });
    }
    for (const field of fieldsIn(found.operand)) fields.set(field, getterOf(field));
    pieces.push({ before, show: textOf(found.operand, get), width: Number(width) });
    before = "";
    end = found.end;
  }
  for (const extra of extras) fields.set(extra.name, extraValue(extra));
  return fill(pieces, before + output.slice(end), [...fields]);
}

// Ancestors are one text to Falco; its other lists are lists.
const ANCESTORS = /^proc\.a(?:name|exe|exepath|cmdline|args|pid|env)(?:\[.*\D.*\])?$/;

function getterOf(field: string): FieldGetter {
  const get = fieldValue(field) as FieldGetter;
  if (!ANCESTORS.test(field)) return get;
  return (batch, at) => {
    const value = get(batch, at);
    return value === null ? null : valueText(value);
  };
}

function extraValue({ name, format }: ExtraField): FieldGetter {
  if (format !== null) {
    const filled = compileFormat(format);
    return (batch, at) => filled(batch, at).text;
  }
  if (!isField(name)) throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: name, output: name });
  return getterOf(name);
}

// What can only be meant as a field or a transformer.
const NAME = /^(?:[a-z][a-z0-9_]*\.[A-Za-z0-9_]|[a-z0-9]+\()/;
const WORD = /^[^\s%]*/;

const isField = (name: string): boolean => fieldValue(name) !== undefined;

/** A field reads as it does in sentences: a time of day, not nanoseconds. */
function textOf(operand: Operand, get: FieldGetter): Piece["show"] {
  const show = (operand.kind === "field" && fieldText(operand.field)) || valueText;
  return (batch, at) => {
    const value = get(batch, at);
    return value === null ? valueText(value) : show(value);
  };
}

function fill(pieces: readonly Piece[], rest: string, fields: readonly [string, FieldGetter][]): Format {
  return (batch, at) => {
    let text = "";
    for (const { before, show, width } of pieces) {
      const shown = show(batch, at);
      text += before + (width > 0 ? shown.slice(0, width).padEnd(width) : shown);
    }
    return { text: text + rest, fields: fields.map(([name, get]) => [name, get(batch, at)]) };
  };
}

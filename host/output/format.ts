// SPDX-License-Identifier: Apache-2.0
// The `output` of a rule: text with %fields in it, compiled once and filled for each alert. `%proc.name`, `%proc.aname[2]`; a
// field that is not there prints as <NA> and is null in output_fields; `%%` is one percent sign. `%toupper(proc.name)` is a
// transformed field (transform.ts).
import { VedetteError } from "../errors.js";
import type { Batch } from "../wire/batch.js";
import { type FieldGetter, fieldText, fieldValue } from "../wire/fields.js";
import { type Value, valueText } from "../wire/value.js";
import { transformOf } from "./transform.js";

export interface Formatted {
  readonly text: string;
  readonly fields: [name: string, value: Value][];
}
export type Format = (batch: Batch, recordOffset: number) => Formatted;

/** What Falco's container plugin appends to every rule's output; Falcosidekick and its dashboards look for these. */
export const SUGGESTED_OUTPUT =
  " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository" +
  " container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

const FIELD =
  /%%|%(?:\*?)(?<calls>(?:[a-z0-9]+\()*)(?<field>[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+(?:\[[^\]]*\])?)(?<ends>\)*)|%/g;

interface Piece {
  readonly before: string;
  readonly name: string;
  readonly get: FieldGetter;
  readonly show: (value: Value) => string;
}

/** Throws VEDETTE_FIELD_UNKNOWN for a %field that there is not. */
export function compileFormat(output: string): Format {
  const pieces: Piece[] = [];
  let before = "";
  let end = 0;
  for (const match of output.matchAll(FIELD)) {
    before += output.slice(end, match.index);
    end = match.index + match[0].length;
    const { calls = "", field, ends = "" } = match.groups as Record<string, string | undefined>;
    if (field === undefined) {
      before += "%";
      continue;
    }
    const transforms = calls.split("(").slice(0, -1);
    pieces.push({ before, ...fieldPiece(field, transforms, output) });
    // Parentheses beyond those that close a transform are text.
    before = ends.slice(transforms.length);
  }
  return fill(pieces, before + output.slice(end));
}

function fieldPiece(field: string, transforms: readonly string[], output: string): Omit<Piece, "before"> {
  const get = fieldValue(field);
  const transform = transformOf(transforms);
  const name = `${transforms.map((one) => `${one}(`).join("")}${field}${")".repeat(transforms.length)}`;
  if (get === undefined || transform === undefined)
    throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: name, output });
  if (transforms.length === 0) return { name, get, show: fieldText(field) ?? valueText };
  return { name, get: (batch, recordOffset) => transform(get(batch, recordOffset)), show: valueText };
}

function fill(pieces: readonly Piece[], rest: string): Format {
  return (batch, recordOffset) => {
    let text = "";
    const fields = new Map<string, Value>();
    for (const { before, name, get, show } of pieces) {
      const value = get(batch, recordOffset);
      fields.set(name, value);
      text += before + (value === null ? valueText(value) : show(value));
    }
    return { text: text + rest, fields: [...fields] };
  };
}

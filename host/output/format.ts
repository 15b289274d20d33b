// SPDX-License-Identifier: Apache-2.0
// The `output` of a rule: text with %fields in it, compiled once and filled for each alert. `%proc.name`, `%proc.aname[2]`; a
// field that is not there prints as <NA> and is null in output_fields; `%%` is one percent sign.
import { VedetteError } from "../errors.js";
import type { Batch } from "../wire/batch.js";
import { type FieldGetter, fieldText, fieldValue } from "../wire/fields.js";
import { type Value, valueText } from "../wire/value.js";

export interface Formatted {
  readonly text: string;
  readonly fields: [name: string, value: Value][];
}
export type Format = (batch: Batch, recordOffset: number) => Formatted;

/** What Falco's container plugin appends to every rule's output; Falcosidekick and its dashboards look for these. */
export const SUGGESTED_OUTPUT =
  " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository" +
  " container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

const FIELD = /%%|%(?:\*?)([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+(?:\[[^\]]*\])?)|%/g;

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
    const name = match[1];
    if (name === undefined) before += "%";
    else {
      pieces.push({ before, ...fieldPiece(name, output) });
      before = "";
    }
  }
  return fill(pieces, before + output.slice(end));
}

function fieldPiece(name: string, output: string): Omit<Piece, "before"> {
  const get = fieldValue(name);
  if (get === undefined) throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: name, output });
  return { name, get, show: fieldText(name) ?? valueText };
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

// SPDX-License-Identifier: Apache-2.0
// The `output` of a rule: text with %fields in it, compiled once and filled for each alert. `%proc.name`, `%proc.aname[2]`; a
// field that is not there prints as <NA> and is null in output_fields; `%%` is one percent sign. `%toupper(proc.name)` is a
// transformed field (transform.ts), of which output_fields has the field as it is. `%20proc.name` is 20 characters wide. A name
// ends where it is a field: `%fd.names` is fd.name and an s.
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
  /%%|%(?:\*?)(?<width>\d*)(?<calls>(?:[a-z0-9]+\(\s*)*)(?<field>[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+(?:\[[^\]]*\])?)(?<ends>(?:\s*\))*)|%/g;

interface Piece {
  readonly before: string;
  readonly field: string;
  readonly get: FieldGetter;
  readonly show: (value: Value) => string;
  /** Whitespace, or what is cut off, makes it so many characters; 0: as many as there are. */
  readonly width: number;
}

/** Throws VEDETTE_FIELD_UNKNOWN for a %field that there is not. */
export function compileFormat(output: string): Format {
  const pieces: Piece[] = [];
  let before = "";
  let end = 0;
  for (const match of output.matchAll(FIELD)) {
    before += output.slice(end, match.index);
    end = match.index + match[0].length;
    const { width = "", calls = "", field, ends = "" } = match.groups as Record<string, string | undefined>;
    if (field === undefined) {
      before += "%";
      continue;
    }
    const transforms = calls
      .split("(")
      .slice(0, -1)
      .map((name) => name.trim());
    const piece = transforms.length === 0 ? plainPiece(field) : transformedPiece(field, transforms, ends);
    if (piece === undefined) throw new VedetteError("VEDETTE_FIELD_UNKNOWN", { field: match[0].slice(1), output });
    pieces.push({ ...piece, before, width: Number(width) });
    // What stands behind the name of a field, and parentheses beyond those that close a transform, are text.
    before = field.slice(piece.field.length) + afterClosing(ends, transforms.length);
  }
  return fill(pieces, before + output.slice(end));
}

type Found = Pick<Piece, "field" | "get" | "show">;

/** The longest beginning that is a field. */
function plainPiece(text: string): Found | undefined {
  for (let size = text.length; size > 0; size--) {
    const field = text.slice(0, size);
    const get = fieldValue(field);
    if (get !== undefined) return { field, get, show: fieldText(field) ?? valueText };
  }
  return undefined;
}

function transformedPiece(field: string, transforms: readonly string[], ends: string): Found | undefined {
  const get = fieldValue(field);
  const transform = transformOf(transforms);
  const isClosed = ends.split(")").length > transforms.length;
  if (get === undefined || transform === undefined || !isClosed) return undefined;
  return { field, get, show: (value) => valueText(transform(value)) };
}

function afterClosing(ends: string, count: number): string {
  let at = 0;
  for (let i = 0; i < count; i++) at = ends.indexOf(")", at) + 1;
  return ends.slice(at);
}

function fill(pieces: readonly Piece[], rest: string): Format {
  return (batch, recordOffset) => {
    let text = "";
    const fields = new Map<string, Value>();
    for (const { before, field, get, show, width } of pieces) {
      const value = get(batch, recordOffset);
      fields.set(field, value);
      const shown = value === null ? valueText(value) : show(value);
      text += before + (width > 0 ? shown.slice(0, width).padEnd(width) : shown);
    }
    return { text: text + rest, fields: [...fields] };
  };
}

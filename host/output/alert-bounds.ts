// SPDX-License-Identifier: Apache-2.0
// Bounds an alert's sentence and fields, because a program may have arguments of any length. Falco itself
// keeps 4,096 bytes of a command line, so no alert of Falco's is cut. A text that is cut ends with a mark
// that says how long it was. An alert that was cut costs more of its rule's limit, so a flood of long alerts
// takes no more room than a flood of short ones.
import { cutText } from "../finding/finding.js";
import type { Value } from "../wire/value.js";
import type { Alert } from "./alert.js";

/** In bytes of UTF-8. */
export const SENTENCE_BYTES_MAX = 16 << 10;
/** The most bytes that one output field keeps. */
export const FIELD_BYTES_MAX = 8 << 10;
/** The most bytes that all output fields of one alert keep together. */
export const FIELDS_BYTES_MAX = 64 << 10;
/** An alert that was cut costs one for each of so many bytes that it would have had. */
export const COST_BYTES = 8 << 10;

/** An alert's texts after boundText(). `cost` is 1 where nothing was cut. */
export interface BoundedText extends Pick<Alert, "output" | "outputFields"> {
  /** How many alerts of its rule's limit it takes. */
  readonly cost: number;
}

/**
 * Cuts fields in their order, then the sentence. Each cut text ends with a mark that says how long it was.
 */
export function boundText({ output, outputFields }: Pick<Alert, "output" | "outputFields">): BoundedText {
  const sizes = outputFields.map(([, value]) => sizeOf(value));
  const whole = Buffer.byteLength(output) + sizes.reduce((sum, size) => sum + size, 0);
  let left = FIELDS_BYTES_MAX;
  let isCut = false;
  const fields = outputFields.map(([name, value], i): Alert["outputFields"][number] => {
    const most = Math.min(FIELD_BYTES_MAX, left);
    const size = sizes[i] as number;
    left -= Math.min(size, most);
    if (size <= most) return [name, value];
    isCut = true;
    return [name, cutValue(value, most)];
  });
  const sentence = cutText(output, SENTENCE_BYTES_MAX);
  isCut ||= sentence !== output;
  return { output: sentence, outputFields: fields, cost: isCut ? Math.ceil(whole / COST_BYTES) : 1 };
}

/** Bytes of the texts in it. */
function sizeOf(value: Value): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return typeof value === "object" && value !== null ? value.reduce<number>((sum, one) => sum + sizeOf(one), 0) : 0;
}

/** A text, or the first entries of a list and the mark. */
function cutValue(value: Value, most: number): Value {
  if (typeof value === "string") return cutText(value, most);
  if (typeof value !== "object" || value === null) return value;
  const kept: Value[] = [];
  let left = most;
  for (const one of value) {
    const size = sizeOf(one);
    if (size > left) return [...kept, cutText(String(one), left)];
    left -= size;
    kept.push(one);
  }
  return kept;
}

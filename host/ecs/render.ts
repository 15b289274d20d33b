// SPDX-License-Identifier: Apache-2.0
// Values as text, in the layout of the place they go to:
//
//   flow     {"name": "app", "links": []}           one line; without blanks where the document has none
// ("tight")
//   spread   the same over lines, an entry a line   JSON as people and the AWS CLI write it
//   block    YAML's lines and indentation
import { isValueMap, Tagged, type Value, type ValueMap, Written } from "./value.js";

/** How a document is written. */
export interface Look {
  readonly format: "json" | "yaml";
  readonly tight: boolean;
  readonly newline: string;
  readonly unit: string;
}

/** A list of plain values stays on one line up to this width. */
const WIDTH = 110;

/** The value on one line. */
export function flow(value: Value, look: Look): string {
  const [comma, colon] = look.tight ? [",", ":"] : [", ", ": "];
  if (value instanceof Tagged) return `${value.tag} ${flow(value.value, look)}`;
  if (Array.isArray(value)) return `[${value.map((item: Value) => flow(item, look)).join(comma)}]`;
  if (!isValueMap(value)) return scalar(value, look);
  const entries = Object.entries(value).map(([key, item]) => `${scalar(key, look)}${colon}${flow(item, look)}`);
  return `{${entries.join(comma)}}`;
}

/** `indent` is that of the line the value begins on. */
export function spread(value: Value, indent: string, look: Look): string {
  const inner = indent + look.unit;
  const within = (open: string, parts: string[], close: string) =>
    `${open}${look.newline}${inner}${parts.join(`,${look.newline}${inner}`)}${look.newline}${indent}${close}`;
  if (value instanceof Tagged) return `${value.tag} ${spread(value.value, indent, look)}`;
  if (Array.isArray(value)) {
    if (value.length === 0 || isOneLine(value, indent, look)) return flow(value, look);
    const items = value.map((item: Value) => spread(item, inner, look));
    return within("[", items, "]");
  }
  if (!isValueMap(value) || Object.keys(value).length === 0) return flow(value, look);
  const entry = (key: string, item: Value) =>
    `${scalar(key, look)}${look.tight ? ":" : ": "}${spread(item, inner, look)}`;
  return within(
    "{",
    Object.entries(value).map(([key, item]) => entry(key, item)),
    "}",
  );
}

/** `key: value` as block lines; the first line without its indentation, the last without its end. */
export function blockEntry(key: string, value: Value, column: number, look: Look): string {
  const indent = " ".repeat(column);
  const lines = (text: string) => `${scalar(key, look)}:${look.newline}${indent}${look.unit}${text}`;
  if (Array.isArray(value) && value.length > 0 && !isOneLine(value, indent, look))
    return lines(blockItems(value, column + look.unit.length, look));
  if (isValueMap(value) && Object.keys(value).length > 0)
    return lines(blockMap(value, column + look.unit.length, look));
  return `${scalar(key, look)}: ${flow(value, look)}`;
}

/** A list's items as block lines; the first line without its indentation. */
export function blockItems(values: readonly Value[], column: number, look: Look): string {
  const item = (value: Value) => `- ${isValueMap(value) ? blockMap(value, column + 2, look) : flow(value, look)}`;
  return values.map(item).join(look.newline + " ".repeat(column));
}

function blockMap(value: ValueMap, column: number, look: Look): string {
  const entries = Object.entries(value).map(([key, item]) => blockEntry(key, item, column, look));
  return entries.join(look.newline + " ".repeat(column));
}

function isOneLine(values: readonly Value[], indent: string, look: Look): boolean {
  const plain = values.every((value) => !Array.isArray(value) && !isValueMap(value));
  return plain && indent.length + flow(values, look).length <= WIDTH;
}

function scalar(value: Value, look: Look): string {
  if (value instanceof Written) return value.text;
  if (typeof value !== "string") return String(value);
  return look.format === "yaml" && isPlain(value) ? value : JSON.stringify(value);
}

/** Words that YAML 1.1 and 1.2 both read as text without quotes, in block and in flow style. */
function isPlain(text: string): boolean {
  const other = /^(y|n|yes|no|on|off|true|false|null|~)$/i;
  return /^(--)?[A-Za-z/_][\w./-]*$/.test(text) && !other.test(text);
}

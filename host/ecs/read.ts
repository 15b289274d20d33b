// SPDX-License-Identifier: Apache-2.0
// A file into a Document: which format it is in, which line ending and which step of indentation it uses.
import { readFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Document } from "./node.js";
import { readJson } from "./read-json.js";
import { readYaml } from "./read-yaml.js";

const STANDARD_INPUT = 0;
const BYTE_ORDER_MARK = "\ufeff";

/** Reads the file, or standard input for `-`. Throws VEDETTE_DEFINITION_UNREADABLE or _INVALID. */
export function readDocument(path: string): Document {
  try {
    const bytes = readFileSync(path === "-" ? STANDARD_INPUT : path);
    return parseDocument(path === "-" ? "standard input" : path, decode(bytes));
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw new VedetteError("VEDETTE_DEFINITION_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
}

/**
 * Reads a text. A text that begins with a bracket is JSON, unless `path` ends with .yaml or .yml and
 * JSON.parse refuses it.
 */
export function parseDocument(path: string, text: string): Document {
  const from = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  const format = isJson(path, text) ? "json" : "yaml";
  const root = format === "json" ? readJson(path, text, from) : readYaml(path, text);
  return { path, text, format, newline: text.includes("\r\n") ? "\r\n" : "\n", unit: unitOf(text), root };
}

/**
 * What begins with a bracket is JSON, unless its name says YAML and it is that: the flow style begins so too.
 */
function isJson(path: string, text: string): boolean {
  if (!/^[\s\ufeff]*[[{]/.test(text)) return false;
  if (!/\.ya?ml$/i.test(path)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** The indentation of the first line that has one. */
function unitOf(text: string): string {
  return /\n([ \t]+)[^\s#]/.exec(text)?.[1] ?? "  ";
}

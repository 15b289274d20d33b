// SPDX-License-Identifier: Apache-2.0
// Keys as variables of the environment: VEDETTE_ and the key in capitals. Of an output, its name and its key
// follow, with `_` in place of `-`:
//
//   VEDETTE_ALERTS_DETAIL=true     VEDETTE_POLICIES=pack,/mine     VEDETTE_OUTPUTS_SIEM_HEADERS=authorization=Bearer x
//
// A list is parted by commas, and a mapping has NAME=VALUE; either may be JSON.
import * as z from "zod";
import { VedetteError } from "../errors.js";
import { KEYS } from "./keys.js";
import { OUTPUT_TYPES } from "./output-kinds.js";
import { suggested } from "./suggest.js";

/** What the environment says. */
export interface Environment {
  /** As the file would say it, texts turned into what their keys want. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Which variable said it; null: none did. */
  variableOf(path: readonly (string | number)[]): string | null;
}

type Kind = "text" | "number" | "switch" | "list" | "map";

const OUTPUTS = "VEDETTE_OUTPUTS_";

/** Keys of all types of outputs, with what one of these types wants there. */
const OUTPUT_KEYS: ReadonlyMap<string, z.ZodType> = new Map(
  Object.values(OUTPUT_TYPES).flatMap(({ shape }) => Object.entries(shape) as [string, z.ZodType][]),
);

/** `VEDETTE_ALERTS_DETAIL` of `alerts_detail`. */
export const variableName = (key: string): string => `VEDETTE_${key.toUpperCase().replaceAll("-", "_")}`;

/**
 * Reads what concerns us. `known`: names of outputs in the file. Throws VEDETTE_CONFIG_VARIABLE for a
 * variable of an output that has no such key.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv, known: readonly string[]): Environment {
  const said = new Map<string, string>();
  const values: Record<string, unknown> = {};
  for (const [key, { schema }] of Object.entries(KEYS)) {
    const text = environment[variableName(key)];
    if (text === undefined || text === "") continue;
    values[key] = fromText(text, kindOf(schema));
    said.set(key, variableName(key));
  }
  const outputs: Record<string, Record<string, unknown>> = {};
  for (const [variable, text = ""] of Object.entries(environment)) {
    if (!variable.startsWith(OUTPUTS) || text === "") continue;
    const { name, key } = parted(variable, known);
    outputs[name] = { ...outputs[name], [key]: fromText(text, kindOf(OUTPUT_KEYS.get(key) as z.ZodType)) };
    said.set(`outputs.${name}.${key}`, variable);
  }
  return { values, outputs, variableOf: (path) => variableAt(said, path) };
}

function variableAt(said: ReadonlyMap<string, string>, path: readonly (string | number)[]): string | null {
  for (let length = path.length; length > 0; length--) {
    const variable = said.get(path.slice(0, length).join("."));
    if (variable !== undefined) return variable;
  }
  return null;
}

/** The longest key that the variable's name ends with is meant. */
function parted(variable: string, known: readonly string[]): { name: string; key: string } {
  const rest = variable.slice(OUTPUTS.length).toLowerCase();
  const keys = [...OUTPUT_KEYS.keys()].sort((a, b) => b.length - a.length);
  const key = keys.find((one) => rest.endsWith(`_${one}`));
  if (key === undefined) {
    const hint = suggested(rest.slice(rest.lastIndexOf("_") + 1), keys);
    throw new VedetteError("VEDETTE_CONFIG_VARIABLE", { name: variable, reason: "no output has such a key", hint });
  }
  const name = rest.slice(0, -key.length - 1);
  return { name: known.find((one) => one.replaceAll("-", "_") === name) ?? name.replaceAll("_", "-"), key };
}

/** What a schema wants, in one word. */
export function kindOf(schema: z.ZodType): Kind {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return kindOf(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPipe) return kindOf(schema.in as z.ZodType);
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "switch";
  if (schema instanceof z.ZodArray) return "list";
  return schema instanceof z.ZodRecord ? "map" : "text";
}

/** What is no value of that kind stays a text, which the schema refuses. */
function fromText(text: string, kind: Kind): unknown {
  switch (kind) {
    case "number":
      return /^\d+$/.test(text) ? Number(text) : text;
    case "switch":
      return { true: true, false: false, "1": true, "0": false }[text.toLowerCase()] ?? text;
    case "list":
      return text.startsWith("[") ? json(text) : text.split(",").map((one) => one.trim());
    case "map":
      return text.startsWith("{") ? json(text) : pairs(text);
    default:
      return text;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function pairs(text: string): unknown {
  const found = text.split(",").map((pair) => /^\s*([^=]+?)=(.*)$/s.exec(pair));
  return found.includes(null) ? text : Object.fromEntries(found.map((one) => [one?.[1], one?.[2]]));
}

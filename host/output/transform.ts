// SPDX-License-Identifier: Apache-2.0
// Falco's transformers in outputs: `%toupper(proc.name)`, `%join(",", proc.args)`, one in another if need be.
// What they say here is what they say in conditions (host/falco/compile/transform-source.ts): where an
// argument is not there, the result is not.

import { type FieldGetter, fieldValue } from "../wire/fields.js";
import { PROCESS_AT } from "../wire/layout.js";
import { processList } from "../wire/process.js";
import { processAt } from "../wire/record.js";
import { type Value, valueText } from "../wire/value.js";
import type { Operand, TransformOperand } from "./operand.js";

type Transform = (operand: TransformOperand) => FieldGetter | undefined;

/** Of a list, each of its texts; what is no text stays as it is. */
const onText = (change: (text: string) => Value): Transform => {
  const changed = (value: Value): Value =>
    typeof value === "string" ? change(value) : Array.isArray(value) ? value.map(changed) : value;
  return ({ args }) => {
    const get = args.length === 1 ? operandValue(args[0]!) : undefined;
    return get && ((batch, at) => changed(get(batch, at)));
  };
};

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  tolower: onText((text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())),
  toupper: onText((text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase())),
  b64: onText((text) => {
    const digits = text.replace(/=+$/, "");
    return /^[A-Za-z0-9+/]*$/.test(digits) && digits.length % 4 !== 1 ? Buffer.from(digits, "base64").toString() : null;
  }),
  basename: onText((text) => text.slice(text.lastIndexOf("/") + 1)),
  len: ({ args }) => lengthOf(args),
  concat: ({ args }) => together(args),
  join: ({ args: [separator, list] }) => joined(separator, list),
  getopt: ({ args: [list, wanted], option }) => options(list, wanted, option),
};

/** What an operand is in an event; undefined for what cannot be. */
export function operandValue(operand: Operand): FieldGetter | undefined {
  if (operand.kind === "text") return () => operand.value;
  if (operand.kind === "field") return fieldValue(operand.field);
  return Object.hasOwn(TRANSFORMS, operand.name) ? TRANSFORMS[operand.name]!(operand) : undefined;
}

/** Characters of a text, entries of a list. */
function lengthOf(args: readonly Operand[]): FieldGetter | undefined {
  const get = args.length === 1 ? operandValue(args[0]!) : undefined;
  return (
    get &&
    ((batch, at) => {
      const value = get(batch, at);
      if (typeof value === "string") return [...value].length;
      return Array.isArray(value) ? value.length : null;
    })
  );
}

function together(args: readonly Operand[]): FieldGetter | undefined {
  const getters = args.map(operandValue);
  if (args.length < 2 || getters.includes(undefined)) return undefined;
  return (batch, at) => {
    const values = getters.map((get) => get!(batch, at));
    return values.includes(null) ? null : values.map(valueText).join("");
  };
}

function joined(separator: Operand | undefined, list: Operand | undefined): FieldGetter | undefined {
  const between = separator && operandValue(separator);
  const entries = list && listOf(list);
  return (
    between &&
    entries &&
    ((batch, at) => {
      const [text, values] = [between(batch, at), entries(batch, at)];
      return typeof text === "string" && values !== null ? values.join(text) : null;
    })
  );
}

/**
 * With an option its last value, or the option where it takes none; without, all options and their values.
 */
function options(
  list: Operand | undefined,
  wanted: Operand | undefined,
  option: string | null,
): FieldGetter | undefined {
  const entries = list && listOf(list);
  const letters = wanted && operandValue(wanted);
  return (
    entries &&
    letters &&
    ((batch, at) => {
      const [args, text] = [entries(batch, at), letters(batch, at)];
      if (args === null || typeof text !== "string") return null;
      const found = getopt(args, text);
      if (option === null) return found.flat();
      const last = found.findLast(([letter]) => letter === option);
      return last === undefined ? null : (last[1] ?? option);
    })
  );
}

type ListGetter = (...event: Parameters<FieldGetter>) => readonly string[] | null;

/** The command line and the environment are lists, although their fields are one text. */
function listOf(operand: Operand): ListGetter | undefined {
  const offset = operand.kind === "field" ? PROCESS_LISTS[operand.field] : undefined;
  if (offset !== undefined) return (batch, at) => processList(batch, processAt(batch, at), offset);
  const get = operandValue(operand);
  return (
    get &&
    ((batch, at) => {
      const value = get(batch, at);
      return Array.isArray(value) ? value.filter((one) => one !== null).map(String) : null;
    })
  );
}
const PROCESS_LISTS: Readonly<Record<string, number | undefined>> = {
  "proc.args": PROCESS_AT.args,
  "proc.env": PROCESS_AT.env,
};

/**
 * getopt(3): options with their values, `?` for one that is unknown or lacks its value (`:` where the letters
 * begin with it).
 */
function getopt(args: readonly string[], letters: string): string[][] {
  const found: string[][] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!/^-./s.test(arg) || arg === "--") break;
    if (arg.startsWith("--")) continue;
    for (let k = 1; k < arg.length; k++) {
      const at = letters.indexOf(arg[k]!);
      const isKnown = at >= 0 && arg[k] !== ":";
      if (!isKnown) found.push(["?"]);
      else if (letters[at + 1] !== ":") found.push([arg[k]!]);
      else {
        const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i];
        found.push(value === undefined ? [letters.startsWith(":") ? ":" : "?"] : [arg[k]!, value]);
        break;
      }
    }
  }
  return found;
}

// SPDX-License-Identifier: Apache-2.0
// The fields of Falco's classes for system calls: what type each has, which argument it takes, what it means.
// A condition may use every one of them; those that our events cannot answer are never there (`isAnswered`
// false), which makes their comparisons false, as in a Falco that lacks the metadata.
import { PARAMETER_NAMES } from "../wire/known-names.js";
import { isEventType } from "./event-types.js";
import { FIELD_TABLE } from "./field-table.js";

/** What a value is compared as. `either`: two values, of which a check wants one (and `!=` both). */
export type FieldType = "text" | "bytes" | "int" | "bool" | "ip" | "net" | "port" | "arg";

/** One row of the table. `arg` with a question mark: the argument may be left out. */
export interface FieldInfo {
  readonly name: string;
  readonly type: FieldType;
  readonly isList: boolean;
  readonly arg: "none" | "index" | "key" | "index?" | "key?";
  readonly isAnswered: boolean;
  readonly doc: string;
}

/** By the field's name without its argument. */
export const FIELDS: ReadonlyMap<string, FieldInfo> = readTable();

/** A field that does not exist, or has a wrong argument, in Falco's words. */
export class FieldError extends Error {}

/** A field as a condition uses it. */
export interface FieldUse extends FieldInfo {
  readonly text: string; // as it is written: `proc.aname[2]`
  readonly index: string | null; // the argument: `2`, or what follows `evt.arg.`
}

/** Fields that the configuration sets, `static.` and all, with the value that they have in every event. */
export type Statics = ReadonlyMap<string, string>;
/** For conditions outside a configuration. */
export const NO_STATICS: Statics = new Map();
/** What the names of the configuration's own fields begin with, before a dot. */
export const STATIC_NAME = "static";

/**
 * Understands a field as a condition or an output writes it. The argument of evt.arg and evt.rawarg may
 * follow a dot.
 */
export function findField(name: string, arg: string | null, statics = NO_STATICS): FieldUse {
  const text = arg === null ? name : `${name}[${arg}]`;
  const value = statics.get(text);
  if (value !== undefined) return { ...STATIC, text, index: value };
  const dotted = /^(evt\.(?:arg|rawarg))\.(.+)$/.exec(name);
  if (dotted && arg === null) {
    if (!PARAMETER_NAMES.has(dotted[2]!)) throw new FieldError(`unknown event argument ${dotted[2]}`);
    return { ...FIELDS.get(dotted[1]!)!, text, index: dotted[2]! };
  }
  const info = FIELDS.get(name);
  if (!info) throw new FieldError(`filter_check called with nonexistent field ${text}`);
  if (arg === null) {
    const isNeeded = info.arg === "index" || info.arg === "key";
    if (isNeeded) throw new FieldError(`filter error: field ${name} needs an argument`);
    return { ...info, text, index: null };
  }
  if (info.arg === "none") throw new FieldError(`filter error: field ${name} does not take an argument: ${text}`);
  if (info.arg.startsWith("index") && !/^\d+$/.test(arg)) {
    throw new FieldError(`filter error: field ${name} needs a number as its argument: ${text}`);
  }
  if (!isArgument(name, arg)) throw new FieldError(`unknown event argument ${arg}`);
  return { ...info, text, index: arg, isList: false };
}

function isArgument(name: string, arg: string): boolean {
  if (name === "evt.type.is") return isEventType(arg);
  if (name !== "evt.arg" && name !== "evt.rawarg") return true;
  return PARAMETER_NAMES.has(arg) || /^\d+$/.test(arg);
}

const STATIC: FieldInfo = {
  name: STATIC_NAME,
  type: "text",
  isList: false,
  arg: "none",
  isAnswered: true,
  doc: "a value of the configuration",
};

/** As findField, for a text such as `proc.aname[2]`. */
export function parseField(text: string): FieldUse {
  const found = /^([^[\]]+)(?:\[(.*)\])?$/.exec(text);
  if (!found) throw new FieldError(`filter_check called with nonexistent field ${text}`);
  return findField(found[1]!, found[2] ?? null);
}

/** Whether the text is a field with a fitting argument. */
export function isField(text: string, statics = NO_STATICS): boolean {
  if (statics.has(text)) return true;
  // Nearly every text that is asked about is none: no exception for those.
  if (!/^(?:evt\.(?:raw)?arg\.)/.test(text) && !FIELDS.has(text.split("[", 1)[0]!)) return false;
  try {
    parseField(text);
    return true;
  } catch (error) {
    if (error instanceof FieldError) return false;
    throw error;
  }
}

// `name type [list] [argument]: doc`, one field a line; `-` before the name: our events cannot answer it.
function readTable(): Map<string, FieldInfo> {
  const out = new Map<string, FieldInfo>();
  for (const line of FIELD_TABLE.trim().split("\n")) {
    const found = /^(-?)(\S+) (\w+)( list)?(?: \[(index\??|key\??)\])?: (.*)$/.exec(line.trim());
    if (!found) throw new Error(`field table: ${line}`);
    const [, minus, name, type, list, arg, doc] = found;
    out.set(name!, {
      name: name!,
      type: type as FieldType,
      isList: list !== undefined,
      arg: (arg ?? "none") as FieldInfo["arg"],
      isAnswered: minus === "",
      doc: doc!,
    });
  }
  return out;
}

// SPDX-License-Identifier: Apache-2.0
// Writes the values of a policy's parameters where its init looks for them: docs/abi/v1.md draws the layout,
// and rules-wasm/wire/settings.ts reads it.
import { VedetteError } from "../errors.js";
import type { Metadata, ParameterKind, ParameterValue } from "./metadata.js";

const MAGIC = 0x31534456;
const ENTRY = 24;
const KINDS: Readonly<Record<ParameterKind, number>> = { bool: 0, int: 1, string: 2, strings: 3 };

/** Values by the parameters' names. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/**
 * The values to run with: the defaults, and over them what was set. Refuses an unknown name or a value of
 * another kind.
 */
export function resolveParameters(metadata: Metadata, set: ParameterValues, path: string): ParameterValues {
  const values: Record<string, ParameterValue> = {};
  for (const { name, default: value } of metadata.parameters) values[name] = value;
  for (const [name, value] of Object.entries(set)) {
    const declared = metadata.parameters.find((parameter) => parameter.name === name);
    if (declared === undefined)
      throw new VedetteError("VEDETTE_POLICY_PARAMETER", { path, name, reason: "it is not declared" });
    if (kindOf(value) !== declared.kind)
      throw new VedetteError("VEDETTE_POLICY_PARAMETER", { path, name, reason: `it must be of type ${declared.kind}` });
    values[name] = value;
  }
  return values;
}

/** The type that policy.yaml would give this value. */
export function kindOf(value: ParameterValue): ParameterKind {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  return typeof value === "string" ? "string" : "strings";
}

/** The bytes for the frame. `room` is the frame's size. */
export function encodeSettings(values: ParameterValues, room: number, path: string): Uint8Array {
  const names = Object.keys(values).sort();
  const parts: Uint8Array[] = [];
  const head = Buffer.alloc(8 + ENTRY * names.length);
  let end = head.length;
  const append = (bytes: Uint8Array): number => {
    const at = end;
    const padding = (8 - (bytes.length % 8)) % 8;
    parts.push(bytes, Buffer.alloc(padding));
    end += bytes.length + padding;
    return at;
  };
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(names.length, 4);
  names.forEach((name, i) => {
    const value = values[name] as ParameterValue;
    const bytes = Buffer.from(name);
    const texts = typeof value === "string" ? [value] : Array.isArray(value) ? value : null;
    const entry = 8 + ENTRY * i;
    head.writeUInt32LE(append(bytes), entry);
    head.writeUInt32LE(bytes.length, entry + 4);
    head.writeUInt32LE(KINDS[kindOf(value)], entry + 8);
    head.writeUInt32LE(texts?.length ?? 1, entry + 12);
    head.writeUInt32LE(
      texts === null ? append(integer(value as number | boolean)) : append(spans(texts, append)),
      entry + 16,
    );
  });
  if (end > room)
    throw new VedetteError("VEDETTE_POLICY_PARAMETER", {
      path,
      name: names.join(", "),
      reason: `${end} bytes are more than ${room}`,
    });
  return Buffer.concat([head, ...parts]);
}

function integer(value: number | boolean): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function spans(texts: readonly string[], append: (bytes: Uint8Array) => number): Uint8Array {
  const list = Buffer.alloc(8 * texts.length);
  texts.forEach((text, i) => {
    const bytes = Buffer.from(text);
    list.writeUInt32LE(append(bytes), 8 * i);
    list.writeUInt32LE(bytes.length, 8 * i + 4);
  });
  return list;
}

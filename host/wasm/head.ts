// SPDX-License-Identifier: Apache-2.0
// A module with and without its head (the custom section `vedette.policy`). A policy that only prevents has
// no code, so its module is the same for every author. The package holds this module without a head and needs
// no compiler for such a policy.
import { SCHEMA, SCHEMA_MINOR } from "../../build/generated/events.js";
import { ABI } from "./abi.js";
import { SECTION } from "./metadata.js";
import { readSections } from "./sections.js";

const CUSTOM = 0;

/** What policy.yaml says of a policy that only prevents. */
export interface Head {
  readonly name: string;
  readonly version: string;
  readonly parameters: readonly unknown[];
}

/** The compiler writes the section last. */
export function withoutHead(module: Uint8Array, path: string): Uint8Array {
  const head = readSections(module, path).custom.find(({ name }) => name === SECTION);
  if (head === undefined) return module;
  const content = module.length - head.offset;
  return module.subarray(0, head.offset - 1 - leb(content).length);
}

/** `module`: one without a head, and without rules. */
export function withHead(module: Uint8Array, { name, version, parameters }: Head): Uint8Array {
  const schema = SCHEMA.toString(16).padStart(16, "0");
  const metadata = { abi: ABI, schema, minor: SCHEMA_MINOR, name, version, rules: [], parameters, state: "" };
  const title = Buffer.from(SECTION);
  const content = Buffer.concat([leb(title.length), title, Buffer.from(JSON.stringify(metadata))]);
  return Buffer.concat([module, Uint8Array.of(CUSTOM), leb(content.length), content]);
}

/** Unsigned LEB128, as modules write sizes. */
function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) return Uint8Array.from(bytes);
  }
}

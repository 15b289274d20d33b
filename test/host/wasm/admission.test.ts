// SPDX-License-Identifier: Apache-2.0
// What a policy module must be, and what each thing that it must not be is called.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SCHEMA_MINOR } from "../../../build/generated/events.js";
import { type ErrorCode, VedetteError } from "../../../host/errors.js";
import { admit, DEFAULT_LIMITS } from "../../../host/wasm/admission.js";
import { assemble, changed, HAND_WRITTEN, METADATA } from "./shared.js";

async function refusal(bytes: Uint8Array): Promise<VedetteError> {
  try {
    await admit(bytes, "policies/x");
  } catch (error) {
    assert.instance(error, VedetteError);
    return error as VedetteError;
  }
  throw new Error("the module was let in");
}

test("a module in hand-written WebAssembly text is let in", async () => {
  const admitted = await admit(assemble(HAND_WRITTEN), "policies/x");
  assert.is(admitted.metadata.name, "hand-written");
  assert.equal(admitted.memory, { initial: 18, maximum: 64 });
});

test("the tenant's limit bounds the memory below what the module allows itself", async () => {
  const admitted = await admit(assemble(HAND_WRITTEN), "policies/x", { ...DEFAULT_LIMITS, memoryPages: 20 });
  assert.is(admitted.memory.maximum, 20);
});

const MEMORY = '(import "env" "memory" (memory 18 64))';
const ALERT = '(import "vedette" "alert" (func $alert (param i32 i32 i32 i32)))';
const REFUSED: readonly (readonly [title: string, bytes: () => Uint8Array, code: ErrorCode, words: RegExp])[] = [
  ["bytes that are no module", () => Buffer.from("#!/bin/sh\n"), "VEDETTE_MODULE_CORRUPT", /header section, byte \d+/],
  [
    "a module that ends in the middle",
    () => assemble(HAND_WRITTEN).subarray(0, 100),
    "VEDETTE_MODULE_CORRUPT",
    /byte \d+/,
  ],
  [
    "a module of another WebAssembly version",
    () => Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0])]),
    "VEDETTE_MODULE_CORRUPT",
    /another version/,
  ],
  [
    "a module larger than the limit",
    () => new Uint8Array(DEFAULT_LIMITS.moduleBytes + 1),
    "VEDETTE_MODULE_TOO_LARGE",
    /1048577 bytes/,
  ],
  [
    "a memory of its own",
    () => assemble(changed([MEMORY, ""], [ALERT, `${ALERT}(memory 18 64)`])),
    "VEDETTE_MODULE_MEMORY",
    /memory section/,
  ],
  [
    "a memory without a maximum",
    () => assemble(changed([MEMORY, '(import "env" "memory" (memory 18))'])),
    "VEDETTE_MODULE_MEMORY",
    /no maximum/,
  ],
  [
    "a shared memory",
    () => assemble(changed([MEMORY, '(import "env" "memory" (memory 18 64 shared))'])),
    "VEDETTE_MODULE_MEMORY",
    /shared/,
  ],
  [
    "a memory that cannot hold a frame",
    () => assemble(changed([MEMORY, '(import "env" "memory" (memory 16 64))'])),
    "VEDETTE_MODULE_MEMORY",
    /16 pages/,
  ],
  [
    "a memory that is larger than the limit from the start",
    () => assemble(changed([MEMORY, '(import "env" "memory" (memory 65 512))'])),
    "VEDETTE_MODULE_MEMORY",
    /65 pages/,
  ],
  [
    "a memory under another name",
    () => assemble(changed([MEMORY, '(import "env" "mem" (memory 18 64))'])),
    "VEDETTE_MODULE_MEMORY",
    /env\.mem/,
  ],
  [
    "an import of anything else",
    () => assemble(changed([ALERT, `${ALERT}(import "wasi_snapshot_preview1" "fd_write" (func (param i32)))`])),
    "VEDETTE_MODULE_IMPORT",
    /wasi_snapshot_preview1\.fd_write/,
  ],
  [
    "an import named like a property of every object",
    () => assemble(changed([ALERT, `${ALERT}(import "constructor" "x" (func (param i32)))`])),
    "VEDETTE_MODULE_IMPORT",
    /constructor/,
  ],
  [
    "an import with another signature",
    () => assemble(changed([ALERT, `${ALERT}(import "vedette" "log" (func (param i32)))`])),
    "VEDETTE_MODULE_IMPORT",
    /vedette\.log is \(i32 i32 i32\)/,
  ],
  [
    "an imported global",
    () => assemble(changed([ALERT, `${ALERT}(import "env" "g" (global i32))`])),
    "VEDETTE_MODULE_IMPORT",
    /env\.g is a global/,
  ],
  [
    "a hidden table of ten million entries",
    () => assemble(changed([ALERT, `${ALERT}(table 10000000 10000000 funcref)`])),
    "VEDETTE_MODULE_TABLE",
    /10000000 entries/,
  ],
  [
    "a table that may grow",
    () => assemble(changed([ALERT, `${ALERT}(table 1 100 funcref)`])),
    "VEDETTE_MODULE_TABLE",
    /not fixed/,
  ],
  [
    "a table of references",
    () => assemble(changed([ALERT, `${ALERT}(table 1 1 externref)`])),
    "VEDETTE_MODULE_TABLE",
    /no functions/,
  ],
  [
    "two tables",
    () => assemble(changed([ALERT, `${ALERT}(table 1 1 funcref)(table 1 1 funcref)`])),
    "VEDETTE_MODULE_TABLE",
    /more than one/,
  ],
  [
    "a hidden start function",
    () => assemble(changed([ALERT, `${ALERT}(func $s (loop (br 0)))(start $s)`])),
    "VEDETTE_MODULE_START",
    /start section/,
  ],
  [
    "a function over a reference",
    () => assemble(changed([ALERT, `${ALERT}(func (param externref))`])),
    "VEDETTE_MODULE_TYPE",
    /no number/,
  ],
  [
    "an export that no policy has",
    () => assemble(changed([ALERT, `${ALERT}(func (export "main"))`])),
    "VEDETTE_MODULE_EXPORT",
    /"main"/,
  ],
  [
    "no on_batch",
    () => assemble(changed(['(func (export "vedette_on_batch")', "(func"])),
    "VEDETTE_MODULE_EXPORT",
    /vedette_on_batch is missing/,
  ],
  [
    "an init of another type",
    () =>
      assemble(
        changed([
          '(func (export "vedette_init") (param i32) (result i32)\n    (i32.const 0))',
          '(func (export "vedette_init") (param i32))',
        ]),
      ),
    "VEDETTE_MODULE_EXPORT",
    /vedette_init is \(i32\) -> \(i32\)/,
  ],
  [
    "a frame global that may change",
    () => assemble(changed(['"vedette_frame") i32 (i32.const 1024)', '"vedette_frame") (mut i32) (i32.const 1024)'])),
    "VEDETTE_MODULE_EXPORT",
    /immutable/,
  ],
  [
    "a frame that is not aligned",
    () => assemble(changed(['"vedette_frame") i32 (i32.const 1024)', '"vedette_frame") i32 (i32.const 1025)'])),
    "VEDETTE_MODULE_EXPORT",
    /not aligned/,
  ],
  [
    "a frame outside of memory",
    () => assemble(changed(['"vedette_frame") i32 (i32.const 1024)', '"vedette_frame") i32 (i32.const 1048576)'])),
    "VEDETTE_MODULE_EXPORT",
    /not in memory/,
  ],
  [
    "a frame at a negative address",
    () => assemble(changed(['"vedette_frame") i32 (i32.const 1024)', '"vedette_frame") i32 (i32.const -8)'])),
    "VEDETTE_MODULE_EXPORT",
    /not in memory/,
  ],
  [
    "a frame that is too small",
    () => assemble(changed(["(i32.const 1052672)", "(i32.const 65536)"])),
    "VEDETTE_MODULE_EXPORT",
    /65536 bytes/,
  ],
  [
    "a global that is computed",
    () => assemble(changed([ALERT, `${ALERT}(global i32 (i32.add (i32.const 1) (i32.const 2)))`])),
    "VEDETTE_MODULE_GLOBAL",
    /no plain constant \(global section, byte \d+\)/,
  ],
  [
    "more globals than any policy has",
    () => assemble(changed([ALERT, ALERT + "(global (mut i32) (i32.const 0))".repeat(10_001)])),
    "VEDETTE_MODULE_GLOBAL",
    /there are 1000[4-9]/,
  ],
  [
    "another ABI in the code",
    () => assemble(changed(['"vedette_abi") i32 (i32.const 1)', '"vedette_abi") i32 (i32.const 2)'])),
    "VEDETTE_MODULE_ABI",
    /ABI 2; this host has 1/,
  ],
  ["another ABI in the metadata", () => assemble(HAND_WRITTEN, { ...METADATA, abi: 7 }), "VEDETTE_MODULE_ABI", /ABI 7/],
  [
    "a newer event contract",
    () => assemble(HAND_WRITTEN, { ...METADATA, minor: SCHEMA_MINOR + 1 }),
    "VEDETTE_MODULE_SCHEMA",
    /minor/,
  ],
  [
    "another contract of the same number",
    () => assemble(HAND_WRITTEN, { ...METADATA, schema: "0123456789abcdef" }),
    "VEDETTE_MODULE_SCHEMA",
    /0123456789abcdef/,
  ],
  ["no metadata", () => assemble(HAND_WRITTEN, null), "VEDETTE_MODULE_METADATA", /0 sections/],
  ["metadata that is no JSON", () => assemble(HAND_WRITTEN, "{"), "VEDETTE_MODULE_METADATA", /not JSON/],
  ["metadata that is a number", () => assemble(HAND_WRITTEN, "7"), "VEDETTE_MODULE_METADATA", /not JSON|expected/i],
  [
    "metadata with an unknown event",
    () => assemble(HAND_WRITTEN, { ...METADATA, rules: [{ ...METADATA.rules[0], events: ["openit"] }] }),
    "VEDETTE_MODULE_METADATA",
    /openit/,
  ],
  [
    "metadata with two rules of one name",
    () => assemble(HAND_WRITTEN, { ...METADATA, rules: [METADATA.rules[0], METADATA.rules[0]] }),
    "VEDETTE_MODULE_METADATA",
    /two rules/,
  ],
  [
    "metadata with a forged priority",
    () => assemble(HAND_WRITTEN, { ...METADATA, rules: [{ ...METADATA.rules[0], priority: "Highest" }] }),
    "VEDETTE_MODULE_METADATA",
    /priority/,
  ],
  [
    "metadata with no rules",
    () => assemble(HAND_WRITTEN, { ...METADATA, rules: [] }),
    "VEDETTE_POLICY_NO_RULES",
    /no rules/,
  ],
  [
    "data outside of memory",
    () => assemble(changed(["(data (i32.const 1114112)", "(data (i32.const 1179640)"])),
    "VEDETTE_MODULE_DATA",
    /1179640/,
  ],
  [
    "elements outside of the table",
    () => assemble(changed([ALERT, `${ALERT}(table 1 1 funcref)(elem (i32.const 1) $alert)`])),
    "VEDETTE_MODULE_ELEMENTS",
    /1 elements at 1/,
  ],
  [
    "an exception tag",
    () => assemble(changed([ALERT, `${ALERT}(tag $t (param i32))(func (throw $t (i32.const 1)))`])),
    "VEDETTE_MODULE_SECTION",
    /section 13/,
  ],
  [
    "a body that does not type-check",
    () => corruptBody(assemble(HAND_WRITTEN)),
    "VEDETTE_MODULE_INVALID",
    /refused by the WebAssembly engine/,
  ],
];

for (const [title, bytes, code, words] of REFUSED) {
  test(`${title} is refused`, async () => {
    const error = await refusal(bytes());
    assert.is(error.code, code, error.message);
    assert.match(error.message, words);
    assert.ok(error.message.includes("policies/x"));
  });
}

test("a refusal tells the section and the offset at which the thing stands", async () => {
  const bytes = assemble(changed([ALERT, `${ALERT}(func $s)(start $s)`]));
  const error = await refusal(bytes);
  const offset = Number(/start section, byte (\d+)/.exec(error.message)?.[1]);
  assert.is(bytes[offset - 2], 8, "two bytes before the content of section 8 stands its id");
});

/** Turns the last i32.const of the code into an f32.const's opcode, which leaves the sections whole. */
function corruptBody(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  // vedette_init is `i32.const 0, end`: 41 00 0b. i64.const has the same length and the wrong type.
  for (let i = copy.length - 3; i > 0; i--) {
    if (copy[i] === 0x41 && copy[i + 1] === 0x00 && copy[i + 2] === 0x0b) {
      copy[i] = 0x42;
      return copy;
    }
  }
  throw new Error("no body was found");
}

test.run();

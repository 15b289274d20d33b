// SPDX-License-Identifier: Apache-2.0
// Policies with a temper, in WebAssembly text, and batches to try them on.

import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { admit } from "../../../host/wasm/admission.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { assemble, changed, HAND_WRITTEN, METADATA } from "../wasm/shared.js";

export type Change = readonly [from: string, to: string];

/** Loads a changed form of the hand-written policy, which tells each openat that failed. */
export async function policyOf(name: string, ...changes: readonly Change[]): Promise<LoadedPolicy> {
  const metadata = { ...METADATA, name, rules: [{ ...METADATA.rules[0], output: "%evt.num" }] };
  const admitted = await admit(assemble(changes.length === 0 ? HAND_WRITTEN : changed(...changes), metadata), name);
  return {
    name,
    version: "1",
    place: name,
    admitted,
    parameters: {},
    rules: admitted.metadata.rules.map((rule) => ({ ...rule, enabled: true })),
  };
}

const LOOP = "(local.set $at (i32.add (i32.const 1024) (i32.load (i32.const 1032))))";
const CALL = "(call $alert (i32.const 0) (local.get $at) (i32.const 1114112) (i32.const 12))";
const EXPORT = '(global (export "vedette_abi") i32 (i32.const 1))';
const RESULT = "(i64.lt_s (i64.load offset=24 (local.get $at)) (i64.const 0))";

/** What is to happen at the record whose result is -99. */
const atMarked = (code: string): Change => [
  CALL,
  `(if (i64.eq (i64.load offset=24 (local.get $at)) (i64.const -99)) (then ${code}) (else ${CALL}))`,
];

/** Never returns from a batch that holds a record with the result -99. */
export const ENDLESS_AT_99: readonly Change[] = [atMarked("(loop $ever (br $ever))")];
const turns = (count: number): readonly Change[] => [
  atMarked(
    `(local.set $raised (i32.const ${count})) (loop $more (local.set $raised (i32.sub (local.get $raised) (i32.const 1))) (br_if $more (local.get $raised)))`,
  ),
];
/**
 * Takes 25 to 90 ms for each record with the result -99, as fast as the machine is; 150 would be too long for
 * one call.
 */
export const SLOW_AT_99 = turns(100_000_000);
/** Takes a millisecond or two for it. */
export const LONG_AT_99 = turns(4_000_000);
/** Traps at each record with the result -99, and says where it is. */
export const TRAPS_AT_99: readonly Change[] = [
  atMarked("(unreachable)"),
  [EXPORT, `${EXPORT}(global $record (export "vedette_record") (mut i32) (i32.const 0))`],
  [RESULT, "(i64.lt_s (i64.load offset=24 (local.get $at)) (i64.const 0))"],
  ["(loop $next", "(loop $next (global.set $record (i32.sub (i32.load (i32.const 1028)) (local.get $left)))"],
];
export const ENDLESS_INIT: readonly Change[] = [
  [
    '(i32.const 0))\n  (func (export "vedette_on_batch")',
    '(loop $ever (br $ever)) (i32.const 0))\n  (func (export "vedette_on_batch")',
  ],
];
/** Raises ten thousand alerts for each record. */
export const FLOOD: readonly Change[] = [
  [
    LOOP,
    `${LOOP}(local.set $raised (i32.const 10000))(block $enough (loop $more (br_if $enough (i32.eqz (local.get $raised))) ${CALL} (local.set $raised (i32.sub (local.get $raised) (i32.const 1))) (br $more)))`,
  ],
];
/** Raises alerts for rules and records that there are not. */
export const FORGER: readonly Change[] = [
  [
    CALL,
    `(call $alert (i32.const 7) (local.get $at) (i32.const 0) (i32.const 0)) (call $alert (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (call $alert (i32.const 0) (i32.add (local.get $at) (i32.const 8)) (i32.const 0) (i32.const 0)) (call $alert (i32.const 0) (i32.const -8) (i32.const 0) (i32.const 0))`,
  ],
];

/** A batch of openat records with these results. */
export function batchOf(results: readonly number[], first = 1): Batch {
  const builder = new BatchBuilder({ first });
  const process = builder.process({ pid: 7, name: "cat" });
  for (const result of results)
    builder.record("openat", { process, result, params: { dirfd: -100, name: "/x", flags: 0 } });
  return openBatch(builder.bytes());
}

const ALERT_IMPORT = '(import "vedette" "alert" (func $alert (param i32 i32 i32 i32)))';
const ALERT_CALL = "(call $alert (i32.const 0) (local.get $at) (i32.const 1114112) (i32.const 12))";

/** What a tenant that means harm can load, each active in every batch that it gets. */
export const HOSTILE: Readonly<Record<string, readonly Change[]>> = {
  endless: ENDLESS_AT_99,
  slow: SLOW_AT_99,
  growing: [
    [
      ALERT_CALL,
      `(block $full (loop $more (br_if $full (i32.eq (memory.grow (i32.const 1)) (i32.const -1))) (br $more)))`,
    ],
  ],
  recursive: [
    [ALERT_IMPORT, `${ALERT_IMPORT}(func $again (param i32) (result i32) (call $again (call $again (local.get 0))))`],
    [ALERT_CALL, "(drop (call $again (i32.const 0)))"],
  ],
  trapping: [[ALERT_CALL, "(unreachable)"]],
  flooding: FLOOD,
  longWinded: [[ALERT_CALL, "(call $alert (i32.const 0) (local.get $at) (i32.const 0) (i32.const 1048576))"]],
  illegible: [
    [
      ALERT_CALL,
      `(memory.fill (i32.const 1114112) (i32.const 255) (i32.const 4096)) (call $alert (i32.const 0) (local.get $at) (i32.const 1114112) (i32.const 4096))`,
    ],
  ],
  outOfRange: [[ALERT_CALL, "(call $alert (i32.const 0) (local.get $at) (i32.const -1) (i32.const -1))"]],
  forging: FORGER,
};

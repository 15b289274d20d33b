// SPDX-License-Identifier: Apache-2.0
// What a test of tests.yaml expects rows of `prevent:` to deny, against the rows. As with alerts, the two are
// matched one to one: what a row denies and nobody expects is a difference, too.
import type { ExaminedPolicy } from "../engine/policy.js";
import type { TrialBatch } from "../engine/trial.js";
import { openBatch } from "../wire/batch.js";
import { CALLS, denialsIn } from "./denied.js";
import type { PolicyTest } from "./test-file.js";

/** What differs, a line each; none where the test says nothing of what is denied. */
export function deniedDifferences(
  { prevent = [] }: ExaminedPolicy,
  { denied }: PolicyTest,
  batches: readonly TrialBatch[],
  eventAt: (time: bigint) => number,
): string[] {
  if (denied === null) return [];
  const all = denialsIn(
    prevent,
    batches.map(({ bytes }) => openBatch(bytes)),
  );
  const left = all.map(({ row, time }) => ({ row, event: eventAt(time) }));
  const differences: string[] = [];
  for (const { row, event } of denied) {
    const found = left.findIndex((one) => one.row === row && (event === undefined || one.event === event));
    if (found >= 0) left.splice(found, 1);
    else differences.push(`- expected: ${row} to deny ${event === undefined ? "a call" : `event ${event}`}`);
  }
  return [...differences, ...left.map(({ row, event }) => `+ got:      ${row} denies event ${event}`)];
}

/**
 * Rows without a call that they deny or one of their kind that they let pass, in sentences, where tests
 * speak of rows.
 */
export function missingDenied({ prevent = [] }: ExaminedPolicy, tests: readonly PolicyTest[]): string[] {
  const speaking = tests.filter(({ denied }) => denied !== null);
  if (speaking.length === 0) return [];
  return prevent.flatMap(({ name, deny }) => {
    const denied = speaking.flatMap((test) => test.denied ?? []).filter(({ row }) => row === name).length;
    const calls = speaking.flatMap(({ events }) => events).filter(({ type }) => CALLS[deny].includes(type)).length;
    // Every call of its kind is denied by such a row.
    const isWhole = deny === "ptrace" || deny === "mount";
    return [
      ...(denied > 0 ? [] : [`No test has a call that "${name}" denies.`]),
      ...(isWhole || calls > denied ? [] : [`No test has a call that "${name}" should let pass.`]),
    ];
  });
}

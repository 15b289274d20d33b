// SPDX-License-Identifier: Apache-2.0
// evt.category, and evt.count.error.*: which kind of call it was, and which kind of failure. Null for a
// failure of another kind; 0 for a call of that kind that did not fail, as in Falco, and null where no call
// returned.
import type { Batch } from "../batch.js";
import { categoryOf, FAILURES, type Failure, isOfMemory, KINDS, NO_KIND } from "../category.js";
import { typeCharOf } from "../descriptor.js";
import { descriptorAt, eventOf, hasFailed } from "../record.js";
import type { FieldRow, FieldRows } from "./row.js";

function category(batch: Batch, at: number): string {
  const word = categoryOf(eventOf(batch, at).name);
  return word ?? KINDS[typeCharOf(batch, descriptorAt(batch, at)) ?? ""] ?? NO_KIND;
}

const counted = (is: (batch: Batch, at: number) => boolean): FieldRow => ({
  get: (batch, at) => {
    const failed = is(batch, at) ? hasFailed(batch, at) : null;
    return failed === null ? null : Number(failed);
  },
});
const failures = ({ isOf, without }: Failure): FieldRow =>
  counted((batch, at) => {
    const char = typeCharOf(batch, descriptorAt(batch, at));
    return char === null ? without(eventOf(batch, at).name) : isOf(char);
  });

/** How evt.category and evt.count.error.* are read. */
export const KIND_FIELDS: FieldRows = {
  "evt.category": { get: category },
  "evt.count.error": counted(() => true),
  "evt.count.error.file": failures(FAILURES.file),
  "evt.count.error.net": failures(FAILURES.net),
  "evt.count.error.memory": counted((batch, at) => isOfMemory(eventOf(batch, at).name)),
  "evt.count.error.other": failures(FAILURES.other),
};

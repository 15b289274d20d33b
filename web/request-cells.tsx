// SPDX-License-Identifier: Apache-2.0
// The cells of a row that counts requests: how many there were, how many a second, and which share failed.
import { count, perSecond, share } from "./words.js";

interface Counted {
  readonly requests: number;
  /** null: nothing says which of them failed. */
  readonly errors: number | null;
}

/** `seconds`: over how long they were counted. */
export function RequestCells({ of: one, seconds }: { of: Counted; seconds: number }) {
  return (
    <>
      <td class="number">{count(one.requests)}</td>
      <td class="number">{perSecond(one.requests, seconds)}</td>
      <td class="number">
        {one.errors === null ? (
          <span class="quiet">not told</span>
        ) : (
          one.errors > 0 && <span class="problem">{share(one.errors, one.requests)}</span>
        )}
      </td>
    </>
  );
}

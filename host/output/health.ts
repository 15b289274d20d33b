// SPDX-License-Identifier: Apache-2.0
// How an output is, in the answer of /api/v1/health.
//
// {"name":"stdout","kind":"terminal","state":"stuck","queued":12,...}
import type { OutputStats } from "./output.js";

/** One that nobody reads any more is no fault: it is a reader that went away. */
export const isWell = ({ state }: OutputStats): boolean => state === "ok" || state === "gone";

/**
 * The members that docs/openapi.json gives an output. `oldestMs` is in whole milliseconds, times are ISO
 * 8601.
 */
export function outputHealth({ lastError, ...stats }: OutputStats): object {
  const { name, kind, state, queued, queuedBytes, oldestMs, sent, retries, dropped } = stats;
  const error = lastError === null ? null : { ...lastError, at: new Date(lastError.at).toISOString() };
  return {
    name,
    kind,
    state,
    queued,
    queuedBytes,
    oldestMs: Math.round(oldestMs),
    sent,
    retries,
    dropped,
    lastError: error,
  };
}

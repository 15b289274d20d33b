// SPDX-License-Identifier: Apache-2.0
// The answer of /api/v1/health: whether judging goes on, and how each output is.
//
// {"status":"red","judging":null,"outputs":[{"name":"stdout","kind":"terminal","state":"stuck","queued":12,...}]}
import type { OutputStats } from "./output.js";

/** One that nobody reads any more is no fault: it is a reader that went away. */
export const isWell = ({ state }: OutputStats): boolean => state === "ok" || state === "gone";

/** `judging`: why judging has not begun, or has stopped; null: it goes on. */
export function healthJson(judging: string | null, outputs: readonly OutputStats[]): string {
  const status = judging === null && outputs.every(isWell) ? "ok" : "red";
  return `${JSON.stringify({ status, judging, outputs: outputs.map(outputHealth) })}\n`;
}

function outputHealth({ lastError, ...stats }: OutputStats): object {
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

// SPDX-License-Identifier: Apache-2.0
// How long a file of evidence goes on. Both sides reckon by this: the one that names files, and the one that
// ends them.
import type { EvidenceBounds } from "./parts.js";

/**
 * Until when a file goes on after one more finding: `afterMs` from now, up to a minute since it began; up to
 * `askedMsMax` where the finding's rule asks for more than that minute. None makes a file shorter.
 */
export function extended(
  open: { readonly begun: number; readonly until: number },
  afterMs: number,
  now: number,
  { afterMsMax, askedMsMax }: EvidenceBounds,
): number {
  const most = open.begun + (afterMs > afterMsMax ? askedMsMax : afterMsMax);
  return Math.max(open.until, Math.min(now + afterMs, most));
}

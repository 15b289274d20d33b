// SPDX-License-Identifier: Apache-2.0
// How long a file of evidence goes on. Both sides reckon by this: the one that names files, and the one that
// ends them.
import type { EvidenceBounds } from "./parts.js";

/**
 * A file goes on for so long after a finding at least, and is ended by so much later than findings are put
 * into it: an order is late where its thread is busy. In ms.
 */
export const MARGIN_MS = 2_000;

type Longest = Pick<EvidenceBounds, "afterMsMax" | "askedMsMax">;

/** Up to when findings are put into a file: the one that ends it goes by the bounds as they are. */
export function withMargin({ afterMsMax, askedMsMax }: Longest): Longest {
  return { afterMsMax: afterMsMax - MARGIN_MS, askedMsMax: askedMsMax - MARGIN_MS };
}

/**
 * Until when a file goes on after one more finding: `afterMs` from now, up to a minute since it began; up to
 * `askedMsMax` where the finding's rule asks for more than that minute. None makes a file shorter.
 */
export function extended(
  open: { readonly begun: number; readonly until: number },
  afterMs: number,
  now: number,
  { afterMsMax, askedMsMax }: Longest,
): number {
  const most = open.begun + (afterMs > afterMsMax ? askedMsMax : afterMsMax);
  return Math.max(open.until, Math.min(now + afterMs, most));
}

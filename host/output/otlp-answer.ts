// SPDX-License-Identifier: Apache-2.0
// What a receiver of OTLP/HTTP says of a request that it has taken: it may have thrown away some of it, which
// is final (OTLP's specification, "Partial Success").

/** How many of what was sent it threw away, and why, in its words. */
export interface Rejected {
  readonly count: number;
  readonly reason: string;
}

/** The names under which it counts. */
export type RejectedKey = "rejectedLogRecords" | "rejectedDataPoints" | "rejectedSpans";

const REASON_MAX = 200;
const NONE: Rejected = { count: 0, reason: "" };

/** `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"..."}}`; no such thing: all were taken. */
export function rejectedBy(body: string, key: RejectedKey): Rejected {
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: Record<string, unknown> };
    const count = Number(partialSuccess?.[key] ?? 0);
    if (!Number.isSafeInteger(count) || count <= 0) return NONE;
    return { count, reason: String(partialSuccess?.errorMessage || "it does not say why").slice(0, REASON_MAX) };
  } catch {
    return NONE;
  }
}

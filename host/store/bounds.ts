// SPDX-License-Identifier: Apache-2.0
// The bounds that both stores have, so that SQLite and PostgreSQL keep, forget and show alike.

/** Findings and incidents are deleted so many at a time, between batches: 10,000 would take a second. */
export const DELETE_AT_ONCE = 500;
/** Most rounds of that behind one batch. */
export const ROUNDS_MAX = 4;
/** Incidents that are kept, of all tenants together. */
export const INCIDENTS_MAX = 10_000;
/** Of the limit's bytes, for documents of incidents. */
export const INCIDENTS_SHARE = 0.25;
/** Acts of people that are kept. */
export const AUDIT_MAX = 100_000;
/** What one person did with incidents of one tenant: the operator, or the tenant itself. */
export const AUDIT_MAX_OF_ONE = 1_000;
/** Of names: from so many on those that nothing has are looked for. */
export const WORDS_MANY = 20_000;
/** Hops from an incident to that which it became a part of. */
export const HOPS_MAX = 16;

/** Of a search by words: words that are looked for, and characters that are read. */
export const SEARCH = { words: 8, text: 200 } as const;
/** A page ends a step after so much time has passed, ms: whoever asked has it within half a second. */
export const LOOK_MS_MAX = 350;
/** And where it has so many bytes, so that who reads slowly holds little of ours. */
export const PAGE_BYTES_MAX = 1 << 20;
/** Containers and rules of an overview. */
export const TOP = 10;
/** Steps of an overview: 24 hours have 144 of 10 minutes. */
export const STEPS_MAX = 150n;

/** Units of time. */
export const NS_PER_MINUTE = 60_000_000_000n;
/** Units of time. */
export const MINUTES_PER_HOUR = 60n;
/** Units of time. */
export const NS_PER_DAY = 24n * MINUTES_PER_HOUR * NS_PER_MINUTE;
/** Counts by minute are kept for eight days: an overview looks back for seven. */
export const MINUTES_KEPT = 8n * 24n * MINUTES_PER_HOUR;

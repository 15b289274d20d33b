// SPDX-License-Identifier: Apache-2.0
// The store: findings, incidents and what people did with them, over restarts where it has a folder. Writing
// never waits: what is told stands in a bounded queue, as behind every output, and its losses are counted.
// Reading is done elsewhere and has a deadline, so that no question holds up what judges. For whom a question
// is asked is a part of each question, and the store itself puts it into every query.
import type { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { OutputStats, Sent } from "../output/output.js";
import type { StoredIncident } from "./rows.js";

export type { StoredIncident } from "./rows.js";

/** For whom it is asked: a tenant's name, which sees its own rows alone; null: the operator, who sees all. */
export type Owner = string | null;

/** Which findings; each that is left out is not asked for. Times are in ns since the epoch. */
export interface FindingQuery {
  readonly limit: number;
  /** The `next` of the page before this one; null or left out: the newest. */
  readonly before?: string | null | undefined;
  readonly tenant?: string | undefined;
  readonly rule?: string | undefined;
  /** This priority, and those more urgent: an index in PRIORITIES. */
  readonly priority?: number | undefined;
  /** Its name, or its id. */
  readonly container?: string | undefined;
  readonly incident?: string | undefined;
  /** Words, each of which must be there; the last one may be the beginning of a word. */
  readonly text?: string | undefined;
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
}

/** Which incidents; each that is left out is not asked for. */
export interface IncidentQuery {
  readonly limit: number;
  readonly before?: string | null | undefined;
  readonly tenant?: string | undefined;
  /** `open`: nobody has closed its case yet. */
  readonly case?: "open" | "closed" | undefined;
  /** This severity, and those graver: an index in PRIORITIES. */
  readonly severity?: number | undefined;
  readonly container?: string | undefined;
  /** Must be a part of its title, container, tenant or tags, whatever the case of letters. */
  readonly text?: string | undefined;
}

/** Which acts of people. `incident`: null: all. */
export interface AuditQuery {
  readonly limit: number;
  readonly before?: string | null | undefined;
  readonly incident: string | null;
}

/** JSON of rows, the newest first. */
export interface StorePage {
  readonly items: readonly string[];
  /** Where the next page begins; null: there is none. */
  readonly next: string | null;
  /** False: the time was up before all was looked through; `next` goes on from there. */
  readonly isComplete: boolean;
  /** Rows that cannot be read any more, and are left out. */
  readonly damaged: number;
}

/** Findings, and of each of them where a page that begins behind it begins. */
export interface FindingPage extends StorePage {
  readonly after: readonly string[];
}

/** What a person decides about an incident. */
export interface Decision {
  /** Undefined: it stays as it is. */
  readonly case?: "open" | "closed" | undefined;
  readonly verdict?: "true_positive" | "false_positive" | undefined;
  readonly note?: string | undefined;
}

/** Numbers of the last hours, from roll-ups. */
export interface Overview {
  /** Incidents whose case is open, by severity. */
  readonly open: Readonly<Record<string, number>>;
  /** Findings by priority in each step of `stepSeconds`, the oldest first; steps without any are left out. */
  readonly findings: readonly { readonly time: string; readonly counts: Readonly<Record<string, number>> }[];
  readonly stepSeconds: number;
  /** Those with most findings. */
  readonly containers: readonly { readonly container: string; readonly count: number }[];
  readonly rules: readonly { readonly rule: string; readonly count: number }[];
  /** All that it holds for who asks. */
  readonly held: { readonly findings: number; readonly incidents: number };
}

/** Two implement it: SQLite (threaded.ts) and PostgreSQL (postgres/postgres.ts). */
export interface Store {
  /** Where it is, as the operator named it. */
  readonly name: string;
  /** Takes a finding and comes back at once. */
  append(alert: Alert): void;
  /**
   * Writes rows that another host told, as lines of rows.ts, and says when they are there. What it has
   * already stays one row.
   */
  write(lines: readonly string[]): Promise<Sent>;
  /** Takes an incident as it is now, in place of what it was. False: there is no room for it. */
  keep(incident: StoredIncident): boolean;
  /** Resolves when what was told before is written, or after a second. */
  flush(): Promise<void>;
  page(owner: Owner, query: FindingQuery): Promise<FindingPage>;
  incidents(owner: Owner, query: IncidentQuery): Promise<StorePage>;
  /** JSON of the one with this id, or with which it became one; null: there is none for the owner. */
  incident(owner: Owner, id: string): Promise<string | null>;
  /** Decides, and writes down who did so. False: there is no such incident for the owner. */
  decide(owner: Owner, id: string, decision: Decision, who: string): Promise<boolean>;
  overview(owner: Owner, hours: number): Promise<Overview>;
  /** What people did, the newest first: about one incident, or all. */
  audit(owner: Owner, query: AuditQuery): Promise<StorePage>;
  stats(): OutputStats;
  close(): Promise<void>;
}

/** How much it holds. */
export interface StoreLimits {
  readonly findings: number;
  /** Of all its files; in a database, of the documents of findings. */
  readonly bytes: number;
  readonly days: number;
}

/** What a store is told when it cannot answer: that it takes too long, or was closed. */
export class StoreSilent extends Error {}

const MIB = 1 << 20;
/** With a folder: 2 GiB, 90 days. */
export const FOLDER_LIMITS: StoreLimits = { findings: 100_000_000, bytes: 2048 * MIB, days: 90 };
/** In memory. */
export const MEMORY_LIMITS: StoreLimits = { findings: 10_000, bytes: 48 * MIB, days: 90 };

/** In a database: 90 days, and 64 GiB of documents. */
export const DATABASE_LIMITS: StoreLimits = { findings: 100_000_000, bytes: 65_536 * MIB, days: 90 };

/** Where a store is to be. */
export interface StoreOptions {
  /** Null: in memory. */
  readonly folder: string | null;
  /** Undefined: FOLDER_LIMITS, MEMORY_LIMITS. */
  readonly limits?: StoreLimits;
  /** Somebody wants to read it: it must be there, and where it is damaged it is left as it is. */
  readonly mustBeThere?: boolean;
  readonly onFault: (error: VedetteError) => void;
}

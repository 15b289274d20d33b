// SPDX-License-Identifier: Apache-2.0
// Where tables come from: a running Vedette, a command, or a recording. The screen knows no more of them than
// this.
import type { Table } from "../activity/activity.js";

/** What is looked at. */
export interface Wanted {
  /** Of topViewOf(). */
  readonly view: string;
  /** A condition of Falco's, or words where the view is not of events; empty: none. */
  readonly filter: string;
  /** The incident whose findings are wanted. */
  readonly incident: string | null;
  readonly intervalMs: number;
  /** Rows, for each order. */
  readonly limit: number;
}

/** What somebody decides about an incident, as the control API takes it. */
export interface Decision {
  readonly incident: string;
  readonly state: "open" | "closed";
  readonly verdict?: "true_positive" | "false_positive";
}

/** How the looking goes. */
export type Looked =
  | { readonly kind: "waiting" }
  | { readonly kind: "live" }
  /** Nothing more comes. */
  | { readonly kind: "ended"; readonly how: string }
  /** It failed. What was seen before stays. */
  | { readonly kind: "failed"; readonly why: string };

/** Who is told. */
export interface Watcher {
  onTable(table: Table): void;
  /** So many events and batches were left out before they were counted. */
  onGap(events: number, batches: number): void;
  onLooked(looked: Looked): void;
}

/** What is looked at now. */
export interface Watch {
  close(): void;
}

/** Gives tables. One watch at a time. */
export interface Source {
  /** What the screen calls it. */
  readonly name: string;
  /** Whether it knows of incidents, findings, policies and sensors. */
  readonly isJudged: boolean;
  watch(wanted: Wanted, watcher: Watcher): Watch;
  /** Writes down what was decided about an incident. Throws where it is refused. */
  decide?(decision: Decision): Promise<void>;
  close(): void;
}

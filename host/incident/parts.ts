// SPDX-License-Identifier: Apache-2.0
// What an incident is made of, as whoever shows it sees it: plain data. All of it is bounded, and what did
// not fit is counted. Times are in ns since the epoch.
import type { Priority } from "../finding/priority.js";
import type { ContainerFacts } from "../wire/container.js";

/**
 * `finding`: a rule matched. `denial`: a call was denied. `response`: what was done
 * about it. The others are what its processes did beside that.
 */
export type RowKind = "finding" | "denial" | "exec" | "connect" | "response";

/** A line of an incident's timeline. What happened again and again is one row. */
export interface Row {
  readonly kind: RowKind;
  readonly first: bigint;
  readonly last: bigint;
  readonly count: number;
  /** In words, without names of fields. */
  readonly text: string;
  /** The file, the connection or the program that it is about. */
  readonly subject: string | null;
  /** Of the process, its command line. */
  readonly pid: number | null;
  readonly command: string | null;
  /** Of a finding. `samples`: ids of the first five. */
  readonly policy: string | null;
  readonly rule: string | null;
  readonly priority: Priority | null;
  readonly runbook: string | null;
  readonly samples: readonly string[];
}

/** A process of an incident, for its tree. */
export interface TreeProcess {
  /** Pid and start: no other process of its agent has them. */
  readonly key: string;
  /** Null: its parent is not of the incident. */
  readonly parent: string | null;
  readonly pid: number | null;
  readonly name: string | null;
  readonly command: string | null;
  /** A finding is about it. */
  readonly isFound: boolean;
}

/** `room`: there were as many open ones as may be. `end`: the command ended. */
export type CloseReason = "silence" | "age" | "room" | "end";

/** An incident as it is now. */
export interface IncidentView {
  readonly id: string;
  /** Null: it is open. */
  readonly closed: CloseReason | null;
  /** The highest of its findings; one step up from three tactics on. */
  readonly severity: Priority;
  /** The rule of its gravest finding. */
  readonly title: string;
  readonly tactics: readonly string[];
  readonly tags: readonly string[];
  readonly tenant: string | null;
  readonly source: string;
  readonly container: { readonly id: string; readonly name: string | null } | null;
  readonly first: bigint;
  readonly last: bigint;
  /** Findings, and those of them that only repeat another one. */
  readonly count: number;
  readonly repeats: number;
  /** By time. */
  readonly rows: readonly Row[];
  readonly processes: readonly TreeProcess[];
  /** What had no room: findings and steps without a row, processes that the tree lacks. */
  readonly leftOut: { readonly findings: number; readonly steps: number; readonly processes: number };
  /** The incident that began with the same process before. */
  readonly previous: string | null;
  /** Incidents that became one with this one, at most 16. */
  readonly merged: readonly string[];
}

/** What a process did that no rule matched, or what was done to it: it makes a timeline a story. */
export interface Step {
  readonly kind: "exec" | "connect" | "response";
  readonly source: string;
  readonly container: string | null;
  readonly time: bigint;
  readonly tid: number;
  readonly process: StepProcess;
  /** The parent first, at most eight. */
  readonly ancestors: readonly string[];
  readonly subject: string;
  /** For scopes: what decides whether a tenant may see the process. */
  readonly facts: ContainerFacts | null;
  readonly own: string | null;
  readonly uid: number;
  readonly exepath: string | null;
}

/** Who made a step. */
export interface StepProcess {
  readonly key: string;
  readonly pid: number | null;
  readonly name: string | null;
  readonly command: string | null;
}

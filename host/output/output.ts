// SPDX-License-Identifier: Apache-2.0
// What an output is, seen from both sides. The host hands alerts to an `Output` and asks it how it is; none
// of its methods ever waits for whoever reads. One class is an Output: Backlog (backlog.ts). It bounds,
// batches, retries and counts. What differs from output to output is the `Carrier` behind it: how a batch
// gets there. A new output is a carrier and a row in registry.ts (docs/add-an-output.md).
import type { VedetteError } from "../errors.js";
import type { Alert } from "./alert.js";

/** One place that alerts go to, as the sensor sees it. No method waits and only start() throws. */
export interface Output {
  /** As the operator named it: a file's path, `stdout`, a URL without its password. */
  readonly name: string;
  /** The name of its row in registry.ts. */
  readonly kind: string;
  /** Opens what it writes to. Throws a VedetteError where that cannot be. */
  start(): void;
  /** Takes an alert and comes back at once. One that has no room is counted as dropped. */
  write(alert: Alert): void;
  /** Tries again now what waits for its next attempt. */
  flush(): void;
  /** Why alerts do not get where they are to go; null: they do. */
  health(): string | null;
  stats(): OutputStats;
  /** Sends what waits, for a limited time. What is left then is dropped and counted. */
  close(): Promise<void>;
}

/**
 * full: there was no room. refused: the receiver did not want it. closed: it still waited when the host
 * ended. damaged: it lay on a disk, and cannot be read any more.
 */
export type DropReason = "full" | "refused" | "closed" | "damaged";
/** All of them. */
export const DROP_REASONS: readonly DropReason[] = ["full", "refused", "closed", "damaged"];

/**
 * ok; retrying: the last attempt failed; stuck: nothing was taken for a while; full: as stuck, and alerts are
 * dropped; gone: nobody reads.
 */
export type OutputState = "ok" | "retrying" | "stuck" | "full" | "gone";

/** An output's numbers since its start. `dropped` counts alerts. */
export interface OutputStats {
  readonly name: string;
  readonly kind: string;
  readonly state: OutputState;
  /** Alerts that wait, and their bytes. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** How long the oldest of them has waited, ms. */
  readonly oldestMs: number;
  readonly sent: number;
  /** Attempts after one that failed. */
  readonly retries: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** How often each code of the catalogue was met. */
  readonly errors: ReadonlyMap<string, number>;
  readonly lastError: OutputError | null;
}

/** The newest error of an output, by its code in the catalogue. */
export interface OutputError {
  readonly code: string;
  readonly message: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** How a batch gets where it is to go. Nothing here may block the thread. */
export interface Carrier {
  /** Each line goes by itself: what failed may come again with more lines behind it. */
  readonly isByLine?: true;
  /** Opens what it writes to. Throws a VedetteError where that cannot be. */
  start?(): void;
  /** `lines` without line feeds. `signal`: the time is up. */
  send(lines: readonly string[], signal: AbortSignal): Promise<Sent> | Sent;
  /**
   * What SIGHUP asks for: the file of that name may be another one now. Throws a VedetteError; then the old
   * one holds.
   */
  reopen?(): void;
  close(): Promise<void> | void;
}

/** `taken`: so many lines from the first on are there. */
export type Sent =
  /** `refused`: so many of them the receiver took and threw away; it does not say which. */
  | { readonly outcome: "done"; readonly refused?: { readonly count: number; readonly error: VedetteError } }
  /** It takes no more now, which is no fault: it is asked again soon. */
  | { readonly outcome: "busy"; readonly taken: number }
  /** That failed: again later. `afterMs`: not before, as the receiver said. */
  | { readonly outcome: "again"; readonly taken: number; readonly error: VedetteError; readonly afterMs?: number }
  /**
   * The `count` lines (1) behind those that were taken are not wanted: asking again would not help. `had`: so
   * many of them it has taken before (0).
   */
  | {
      readonly outcome: "refused";
      readonly taken: number;
      readonly error: VedetteError;
      readonly count?: number;
      readonly had?: number;
    }
  /** Nobody reads any more, and nobody minds. */
  | { readonly outcome: "gone"; readonly taken: number };

// SPDX-License-Identifier: Apache-2.0
// What is told to a store waits here, as behind every output: bounded, a batch at a time, tried again where
// it fails, and its losses are counted.
import type { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { Backlog, type BacklogLimits, STUCK_MS } from "../output/backlog.js";
import type { OutputStats, Sent } from "../output/output.js";
import { findingLine, incidentLine } from "./lines.js";
import type { StoredIncident } from "./rows.js";

const MIB = 1 << 20;
const QUEUE: BacklogLimits = {
  count: 10_000,
  bytes: 32 * MIB,
  batchCount: 500,
  batchBytes: 2 * MIB,
  retryMs: 100,
  retryMsMax: 5_000,
  busyMs: 5,
  stuckMs: STUCK_MS,
  closeMs: 5_000,
  retriesAtEnd: true,
};
const FLUSH_MS_MAX = 1_000;
const FLUSH_LOOK_MS = 2;

/** What a queue needs to know of its store. */
export interface ToldQueueOptions {
  readonly name: string;
  /** Writes lines of rows.ts. */
  readonly write: (lines: readonly string[]) => Promise<Sent>;
  readonly onFault: (error: VedetteError) => void;
}

/** The way into a store. */
export class ToldQueue {
  readonly #queue: Backlog;

  constructor({ name, write, onFault }: ToldQueueOptions) {
    // What only tells that no more repeats came was written before.
    const wants = ({ repeat }: Alert): boolean => repeat?.isLast !== true;
    const carrier = { send: write, close: () => undefined };
    this.#queue = new Backlog({ name, kind: "store", carrier, limits: QUEUE, text: findingLine, wants, onFault });
  }

  append(alert: Alert): void {
    this.#queue.write(alert);
  }

  keep(incident: StoredIncident): boolean {
    return this.#queue.push(incidentLine(incident));
  }

  async flush(): Promise<void> {
    this.#queue.flush();
    const until = performance.now() + FLUSH_MS_MAX;
    while (this.#queue.stats().queued > 0 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, FLUSH_LOOK_MS));
  }

  stats(): OutputStats {
    return this.#queue.stats();
  }

  /** Tries for a limited time to write what waits. */
  close(): Promise<void> {
    return this.#queue.close();
  }
}

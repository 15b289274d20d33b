// SPDX-License-Identifier: Apache-2.0
// Which processes a cell was shown events of, in the stream of one agent. A finding of a cell names a process
// by its number and start, and a response goes by them: the cell may name none but these. It may name any of
// these, as a rule of its own tenant may.
import type { Batch } from "../wire/batch.js";
import { PROCESS_AT } from "../wire/layout.js";
import { processInt } from "../wire/process.js";
import { processAt } from "../wire/record.js";

/** Processes that are remembered; beyond it, those that were shown longest ago are forgotten. */
const PROCESSES_MAX = 16_384;
const PID = PROCESS_AT.pid as number;
const STARTED = PROCESS_AT.start_time as number;

/** Of one stream. */
export class Shown {
  /** The agent's source, in hexadecimal digits. */
  readonly source: string;
  /** The latest stand last. */
  readonly #processes = new Set<string>();

  constructor({ source }: Batch) {
    this.source = Buffer.from(source).toString("hex");
  }

  /** The cell gets this batch. Who is in its table as an ancestor only was not shown by it. */
  add(batch: Batch): void {
    const places = new Set<number>();
    for (const offset of batch.offsets) places.add(processAt(batch, offset));
    for (const place of places) {
      const key = keyOf(processInt(batch, place, PID), processInt(batch, place, STARTED));
      this.#processes.delete(key);
      this.#processes.add(key);
    }
    for (const oldest of this.#processes) {
      if (this.#processes.size <= PROCESSES_MAX) break;
      this.#processes.delete(oldest);
    }
  }

  /** `started`: ns since the epoch. */
  has({ pid, started }: { readonly pid: number | null; readonly started: bigint | null }): boolean {
    return this.#processes.has(keyOf(pid, started));
  }
}

const keyOf = (pid: number | bigint | null, started: number | bigint | null): string => `${pid}@${started}`;

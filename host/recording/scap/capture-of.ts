// SPDX-License-Identifier: Apache-2.0
// A recording as a capture, within bounds: what evidence has beside it. `vedette convert` does the same for a
// person, who may choose among hosts and has the time.
import { VedetteError } from "../../errors.js";
import { type RecordedEntry, readRecording } from "../recording.js";
import { Beginning, type CaptureSummary, CaptureWriter } from "./capture-writer.js";

/** How much a capture may take. */
export interface CaptureLimits {
  /** Of its lists, in memory and in the file. */
  readonly listBytes: number;
  /** Of the file, before it is compressed; then it ends. */
  readonly fileBytes: number;
  /** Asked before each batch; true: nobody wants it any more. */
  readonly isUnwanted: () => boolean;
}

/** What became of the records, and whether the file ended by its bound. */
export interface BoundedSummary extends CaptureSummary {
  readonly isFull: boolean;
}

/**
 * Writes what is whole of a recording of one agent to `to`, gzipped where that ends with `.gz`. Throws
 * VEDETTE_RECORDING_UNREADABLE and VEDETTE_SCAP_UNWRITABLE, and an Error where it is not wanted any more.
 */
export function captureOf(recording: string, to: string, limits: CaptureLimits): BoundedSummary {
  const { listBytes, fileBytes } = limits;
  const beginning = new Beginning(listBytes);
  for (const entry of wholeOf(recording, limits)) {
    if (entry.kind === "host") beginning.hostname = entry.hostname;
    else if (entry.kind === "container") beginning.container = entry.facts;
    else if (!beginning.take(entry.batch, fileBytes)) break; // no more will be written
  }
  const writer = new CaptureWriter(to, beginning, { isZipped: to.endsWith(".gz"), isForced: false });
  try {
    let isFull = false;
    for (const entry of wholeOf(recording, limits)) {
      if (entry.kind !== "batch") continue;
      isFull = !writer.take(entry.batch, fileBytes);
      if (isFull) break;
    }
    return { ...writer.close(), isFull };
  } finally {
    writer.abandon();
  }
}

/** One that was cut off is read up to there. */
function* wholeOf(path: string, { isUnwanted }: CaptureLimits): Generator<RecordedEntry> {
  try {
    for (const entry of readRecording(path)) {
      if (isUnwanted()) throw new Error("it is not wanted any more");
      yield entry;
    }
  } catch (error) {
    if (!(error instanceof VedetteError) || error.code !== "VEDETTE_RECORDING_CORRUPT") throw error;
  }
}

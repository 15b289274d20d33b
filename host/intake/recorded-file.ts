// SPDX-License-Identifier: Apache-2.0
// A file of events from before: a recording of `vedette record`, or a capture of Falco or sysdig (.scap,
// gzipped or not). Both are the same entries to whoever reads them. What is whole is read; what is missing
// is known when all was read.
import { hostname } from "node:os";
import { VedetteError } from "../errors.js";
import { counted } from "../output/counted.js";
import { isRecording, type RecordedEntry, readRecording } from "../recording/recording.js";
import { type ReplaySummary, replayFile } from "../recording/scap/replay.js";
import { openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";

/** An opened file of events. openRecorded() reads a capture into memory as a whole. */
export interface RecordedFile {
  readonly kind: "recording" | "capture";
  /** In order; can be read once. */
  readonly entries: Iterable<RecordedEntry> | AsyncIterable<RecordedEntry>;
  /**
   * For who reads of other events only that they happened: a capture's need not be made whole. By names of
   * events.yaml; to be called before entries are read.
   */
  tellOnly(events: ReadonlySet<string>): void;
  /** For who is done with a batch before it asks for the next: a capture's may then share their memory. */
  lend(): void;
  /** Where the file is cut off or damaged, when all before that was read. */
  damage(): VedetteError | null;
  /** What it had that cannot be told here, a sentence each. */
  missing(): string[];
}

/** Throws where it cannot be read at all. */
export function openRecorded(path: string): RecordedFile {
  return isRecording(path) ? openOwn(path) : openCapture(path);
}

function openOwn(path: string): RecordedFile {
  let damage: VedetteError | null = null;
  function* entries(): Generator<RecordedEntry> {
    try {
      yield* readRecording(path);
    } catch (error) {
      if (!(error instanceof VedetteError) || error.code === "VEDETTE_RECORDING_UNREADABLE") throw error;
      damage = error;
    }
  }
  return {
    kind: "recording",
    entries: entries(),
    tellOnly: () => undefined,
    lend: () => undefined,
    damage: () => damage,
    missing: () => [],
  };
}

/** Its events are told as if they happened here. */
function openCapture(path: string): RecordedFile {
  const { batches, container, summary, tellOnly, lend } = replayFile(path);
  // What we have made of a capture needs no check.
  async function* entries(): AsyncGenerator<RecordedEntry> {
    yield { kind: "host", stream: 0, hostname: hostname() };
    let known: ContainerFacts | null = null;
    for await (const bytes of batches) {
      const facts = container();
      if (facts !== known && facts !== null) yield { kind: "container", stream: 0, facts };
      known = facts;
      yield { kind: "batch", stream: 0, batch: openChecked(bytes) };
    }
  }
  return {
    kind: "capture",
    entries: entries(),
    tellOnly,
    lend,
    damage: () => null,
    missing: () => missingIn(path, summary()),
  };
}

function missingIn(path: string, { skipped, unknownBlocks, isTruncated }: ReplaySummary): string[] {
  return [
    ...(isTruncated ? [`${path} ends in the middle of a block: what comes after it is lost`] : []),
    ...(unknownBlocks > 0 ? [`${counted(unknownBlocks, "block")} of unknown kind skipped`] : []),
    ...(skipped > 0
      ? [`${counted(skipped, "event")} skipped that have no type here, or that their return tells again`]
      : []),
  ];
}

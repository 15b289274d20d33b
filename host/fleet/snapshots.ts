// SPDX-License-Identifier: Apache-2.0
// Where snapshots are kept, as hosts of a pool see it: a row for each partition, which is written by
// compare-and-set alone, and objects that rows point to. A host that has lost a partition knows an old
// revision of its row, so whatever it still writes is not taken: its own object is one that no row points to.

/** Of one partition. */
export interface SnapshotRow {
  /** Of the owner that wrote it: the lease's. */
  readonly epoch: number;
  /** Number of the last message of the stream that is dealt with. */
  readonly seq: number;
  /** Null: nothing is kept yet. */
  readonly object: { readonly name: string; readonly sha256: string } | null;
  /** How many owners have begun since one of them got on. */
  readonly tries: number;
  /** The message that is being judged alone, and how often that was begun; null: none. */
  readonly trying: { readonly seq: number; readonly count: number } | null;
}

/** A row, and the revision that the next write must name. */
export interface KnownRow {
  readonly row: SnapshotRow;
  readonly revision: number;
}

/** Each method throws an Error where the place cannot be reached. */
export interface Snapshots {
  /** Null: there is none, or none that can be read. `revision` is that of a row that cannot be read, or 0. */
  row(partition: number): Promise<KnownRow | { readonly row: null; readonly revision: number }>;
  /**
   * Writes the row if it is still the one of this revision. Gives the new one; null: somebody was quicker.
   */
  write(partition: number, row: SnapshotRow, revision: number): Promise<number | null>;
  /** Keeps bytes under a name. `which`: an epoch has two names, and writes them in turn. */
  put(partition: number, epoch: number, which: 0 | 1, bytes: Uint8Array): Promise<string>;
  /** Null: it is not there. */
  get(name: string): Promise<Buffer | null>;
  /** Removes objects of the partition that are of an earlier epoch than `epoch`. */
  sweep(partition: number, epoch: number): Promise<void>;
}

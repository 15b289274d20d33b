// SPDX-License-Identifier: Apache-2.0
// Who owns which partition, as all hosts of a pool see it: a table with a row for each partition, and one for
// each host. A row is written by compare-and-set alone. So of two hosts that take a partition at once one
// succeeds, and one that was away finds that its row is not the one it knew. Which row to write and when is
// decided by a LeasePool (lease-pool.ts).

/** The row of a partition. */
export interface Lease {
  /** 0 to the number of partitions less 1. */
  readonly partition: number;
  /** The host's name: letters, digits, - and _; null: it was given back. */
  readonly owner: string | null;
  /** How often the partition was taken. What an owner writes is fenced by it. */
  readonly epoch: number;
  /** Rises with each renewal. */
  readonly beat: number;
  /** By which the next write must name this one. */
  readonly revision: number;
}

/** What a host writes into a partition's row. */
export type LeaseWrite = Omit<Lease, "revision">;

/** The table. Each method throws an Error where the table cannot be reached. */
export interface Leases {
  /**
   * Tells each row there is, then `onReady`, then each row as it changes, until `signal`. Resolves then.
   * Throws where no more is told: whoever watches begins anew.
   */
  watch(handlers: LeaseHandlers, signal: AbortSignal): Promise<void>;
  /**
   * Writes the row if it is still the one of this revision; 0: if there is none. Gives the new revision;
   * null: somebody was quicker.
   */
  write(row: LeaseWrite, revision: number): Promise<number | null>;
  /** Says that this host lives. */
  live(host: string): Promise<void>;
  /** This host leaves, and no one is to wait for it. */
  leave(host: string): Promise<void>;
}

/** Who is told of the table's rows. */
export interface LeaseHandlers {
  readonly onLease: (lease: Lease) => void;
  /** A host has said that it lives; `isLeft`: that it leaves. */
  readonly onHost: (host: string, isLeft: boolean) => void;
  readonly onReady: () => void;
}

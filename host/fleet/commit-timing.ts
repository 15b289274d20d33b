// SPDX-License-Identifier: Apache-2.0
// How often the owner of a partition writes down how far it is.

/** When a partition is committed: all that it judged since is judged again by the next owner. */
export interface CommitTiming {
  readonly everyMs: number;
  readonly bytes: number;
}

/** Each 5 s, or 64 MiB of blocks. */
export const COMMIT: CommitTiming = { everyMs: 5_000, bytes: 64 << 20 };

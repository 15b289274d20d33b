// SPDX-License-Identifier: Apache-2.0
// The row that says how far a partition is judged, as its owner writes it: it claims the row with its epoch,
// keeps a snapshot and points the row to it, and says which message it is about to judge alone. The row is
// written by compare-and-set: who finds another epoch there has lost the partition.
import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../reason.js";
import { decodeSnapshot, digestOf, encodeSnapshot, type Snapshot } from "./snapshot.js";
import type { KnownRow, SnapshotRow, Snapshots } from "./snapshots.js";

/** Whose row it is, and who is told. */
export interface PartitionRowOptions {
  readonly partition: number;
  /** As it is called to people. */
  readonly name: string;
  /** The lease's. */
  readonly epoch: number;
  readonly snapshots: Snapshots;
  /** The partition is not this owner's any more: nothing is tried again. */
  readonly isLost: () => boolean;
  /** Ends a pause when the partition is lost. */
  readonly signal: AbortSignal;
  /** The row is another owner's. */
  readonly onFenced: () => void;
  readonly tell: (what: string, why: string) => void;
}

const RETRY_MS = 200;
const RETRY_MS_MAX = 5_000;
/** So many owners began and none got on: then messages are judged one by one. */
const TRIES_MAX = 2;
/** A message that was begun so often and never done is put aside. */
const BEGUN_MAX = 2;
const FRESH: SnapshotRow = { epoch: 0, seq: 0, object: null, tries: 0, trying: null };
const UNREAD = "its snapshot cannot be had";
const UNKEPT = "its snapshot cannot be kept";

/** Every method but claim() is for who has claimed it. */
export class PartitionRow {
  readonly #options: PartitionRowOptions;
  #known: KnownRow = { row: FRESH, revision: 0 };
  /** An epoch has two objects, and writes them in turn. */
  #which: 0 | 1 = 0;

  constructor(options: PartitionRowOptions) {
    this.#options = options;
  }

  /** Number of the last message that was dealt with, when the row was written. */
  get seq(): number {
    return this.#known.row.seq;
  }

  /** Owners have begun, this one among them, and none has kept anything since. */
  get hasBegun(): boolean {
    return this.#known.row.tries > 0;
  }

  /** A message of it may end whoever judges it. */
  get isDangerous(): boolean {
    const { tries, trying } = this.#known.row;
    return tries > TRIES_MAX || trying !== null;
  }

  /** Says that it is this epoch's, so that an earlier owner's commit is not taken. False: it is not. */
  claim(): Promise<boolean> {
    const { partition, epoch, snapshots } = this.#options;
    return this.#insist(UNREAD, async () => {
      const { row: before, revision: old } = await snapshots.row(partition);
      if (before !== null && before.epoch > epoch) return false;
      const row = { ...(before ?? FRESH), epoch, tries: (before?.tries ?? 0) + 1 };
      const revision = await snapshots.write(partition, row, old);
      if (revision === null) return undefined;
      this.#known = { row, revision };
      return true;
    });
  }

  /** What the last owner kept; null: nothing, or nothing that can be read, which is told. */
  async snapshot(): Promise<Snapshot | null> {
    const { object } = this.#known.row;
    if (object === null) return null;
    const { isLost, name, snapshots, tell } = this.#options;
    let snapshot: Snapshot | null = null;
    await this.#insist(UNREAD, async () => {
      const bytes = await snapshots.get(object.name);
      if (bytes !== null && digestOf(bytes) === object.sha256) snapshot = decodeSnapshot(bytes);
      return true;
    });
    if (snapshot === null && !isLost()) tell(name, "what its policies remembered is damaged: they begin anew");
    return snapshot;
  }

  /** All up to message `seq` is dealt with, and this is what is known then. */
  async keep(seq: number, snapshot: Snapshot): Promise<void> {
    const { partition, epoch, isLost, snapshots, tell } = this.#options;
    const { bytes, left } = encodeSnapshot(snapshot);
    if (left > 0) tell(this.#options.name, `what ${left} policies remember is too large to be kept`);
    const sha256 = digestOf(bytes);
    this.#which = this.#which === 0 ? 1 : 0;
    const isFirst = this.#known.row.object?.name.startsWith(`s.${partition}.${epoch}.`) !== true;
    await this.#insist(UNKEPT, async () => {
      const object = { name: await snapshots.put(partition, epoch, this.#which, bytes), sha256 };
      return this.#write({ epoch, seq, object, tries: 0, trying: null });
    });
    if (!isFirst || isLost()) return;
    await snapshots
      .sweep(partition, epoch)
      .catch((error: unknown) => tell(`old snapshots of ${this.#options.name} stay`, reasonOf(error)));
  }

  /** This message is judged alone now. `aside`: every owner that did so came to its end. */
  async begin(seq: number): Promise<"begun" | "aside" | "lost"> {
    const { row } = this.#known;
    const count = row.trying?.seq === seq ? row.trying.count + 1 : 1;
    if (count > BEGUN_MAX) return "aside";
    await this.#insist(UNKEPT, () => this.#write({ ...row, trying: { seq, count } }));
    return this.#options.isLost() ? "lost" : "begun";
  }

  /** Undefined: to be tried again. An answer that was lost may have been of a write that went well. */
  async #write(row: SnapshotRow): Promise<true | undefined> {
    const { partition, snapshots, onFenced } = this.#options;
    const revision = await snapshots.write(partition, row, this.#known.revision);
    if (revision !== null) {
      this.#known = { row, revision };
      return true;
    }
    const { row: there, revision: now } = await snapshots.row(partition);
    if (there?.epoch !== row.epoch) onFenced();
    else this.#known = { row: there, revision: now };
    return undefined;
  }

  /** Until it gives true or false, or the partition is lost: then false. */
  async #insist(what: string, work: () => Promise<boolean | undefined>): Promise<boolean> {
    const { name, isLost, signal, tell } = this.#options;
    for (let delay = RETRY_MS; !isLost(); delay = Math.min(2 * delay, RETRY_MS_MAX)) {
      try {
        const done = await work();
        if (done !== undefined) return done;
      } catch (error) {
        tell(`${name}: ${what}`, reasonOf(error));
        await sleep(delay, undefined, { signal }).catch(() => undefined);
      }
    }
    return false;
  }
}

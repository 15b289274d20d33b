// SPDX-License-Identifier: Apache-2.0
// Which partitions this host owns. Every host decides for itself, by three rules over the table of leases
// (leases.ts):
//
//   hold   An owner renews its rows again and again. Its hold counts from when the last renewal that went well
//          was sent, and ends by itself a second before anyone else may think so.
//   take   A partition is free if its row has no owner, or if this host has seen the row unchanged for longer
//          than a lease is. Nobody compares two hosts' clocks. Whoever takes it raises its epoch.
//   share  A host owns at most its share, rounded up. Whoever has more gives one back at a time; nobody steals.
//
// A host that was away, asleep or without the table, has seen nothing change meanwhile. So its waiting begins
// anew, and it takes nothing for as long as a lease is.
import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../reason.js";
import type { Lease, Leases } from "./leases.js";

/** All in ms. */
export interface LeaseTiming {
  /** How long a partition stays its owner's without a renewal. */
  readonly lease: number;
  readonly renew: number;
  /** How often this host looks whether something is to be done. */
  readonly look: number;
}

/** A partition of a killed host is taken 5.3 s later: its row did not change for five, and a look. */
export const TIMING: LeaseTiming = { lease: 4_000, renew: 1_000, look: 250 };
/** By how much others wait longer than a lease is, and its owner less. */
const MARGIN_MS = 1_000;
const RETRY_MS = 500;

/** What becomes of partitions. */
export interface LeasePoolHandlers {
  /** It is this host's from now on. `isTakeover`: another host had it, and did not give it back. */
  readonly onTaken: (partition: number, epoch: number, isTakeover: boolean) => void;
  /** It is to be given back. Once this resolves, others may take it. */
  readonly onReturn: (partition: number) => Promise<void>;
  /** It is not this host's any more: nothing may be written of it. */
  readonly onLost: (partition: number) => void;
}

/**
 * `host`: letters, digits, - and _; no other process has this name, and no earlier one had it. `now`: ms that
 * only rise.
 */
export interface LeasePoolOptions {
  readonly leases: Leases;
  readonly host: string;
  readonly partitions: number;
  readonly handlers: LeasePoolHandlers;
  /** Why the table cannot be reached, once until it can. */
  readonly say: (line: string) => void;
  readonly timing?: LeaseTiming;
  readonly now?: () => number;
}

/** A row as this host saw it, and when it first saw it so. */
interface Seen {
  readonly lease: Lease;
  readonly at: number;
}

/** A partition of this host's. */
interface Held {
  readonly epoch: number;
  beat: number;
  revision: number;
  /** Until when it is surely this host's. */
  until: number;
  /** When its last renewal was sent. */
  sent: number;
  isRenewing: boolean;
  isReturning: boolean;
}

/** The partitions of one host. */
export class LeasePool {
  readonly #options: LeasePoolOptions;
  readonly #timing: LeaseTiming;
  readonly #now: () => number;
  readonly #held = new Map<number, Held>();
  readonly #seen = new Map<number, Seen>();
  /** Other hosts, and when each was last heard. */
  readonly #hosts = new Map<string, number>();
  /** Until the table has answered. */
  readonly #taking = new Map<number, Promise<void>>();
  /** The table is told as it changes. */
  #isReady = false;
  #watching: Promise<void> | null = null;
  /** When it is watched again. */
  #watchAt = 0;
  readonly #stopped = new AbortController();
  /** Nothing is taken before. */
  #restsUntil = 0;
  #lookedAt = 0;
  #lived = Number.NEGATIVE_INFINITY;
  #isAway = false;
  /** When the table answered last. */
  #heard: number;
  /** Since when it has nothing, though a partition has no owner; null: it is not so. */
  #idleSince: number | null = null;

  constructor(options: LeasePoolOptions) {
    this.#options = options;
    this.#timing = options.timing ?? TIMING;
    this.#now = options.now ?? (() => performance.now());
    this.#heard = this.#now();
  }

  /** Those that are surely this host's now, with their epochs. */
  get held(): ReadonlyMap<number, number> {
    return new Map(
      [...this.#held]
        .filter(([partition]) => this.holds(partition))
        .map(([partition, { epoch }]) => [partition, epoch]),
    );
  }

  /** Whether it is surely this host's at this moment. To be asked before each message and each write. */
  holds(partition: number): boolean {
    const held = this.#held.get(partition);
    return held !== undefined && this.#now() < held.until;
  }

  /** For how long the table has not answered, ms. A host asks it each second. */
  get silentMs(): number {
    return this.#now() - this.#heard;
  }

  /** For how long this host has had no partition though one has no owner, ms; 0: it is not so. */
  get idleMs(): number {
    return this.#idleSince === null ? 0 : this.#now() - this.#idleSince;
  }

  /** Until `signal`; gives back then what this host has. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look();
      await sleep(this.#timing.look, undefined, { signal }).catch(() => undefined);
    }
    this.#stopped.abort();
    await this.#watching;
    await Promise.all(this.#taking.values());
    await Promise.all([...this.#held.keys()].map((partition) => this.#giveBack(partition)));
    await this.#options.leases.leave(this.#options.host).catch(() => undefined);
  }

  /** One look at what is to be done now. `run` does it again and again. */
  look(): void {
    const now = this.#now();
    if (now - this.#lookedAt > this.#timing.lease / 2) this.#returned(now);
    this.#lookedAt = now;
    if (this.#watching === null && now >= this.#watchAt) this.#watching = this.#watch();
    for (const [partition, held] of this.#held) if (now >= held.until) this.#lose(partition);
    // Others give it its share as soon as it says that it lives, so it says so when it may take.
    if (now >= this.#restsUntil && now - this.#lived >= this.#timing.renew) this.#live(now);
    for (const [partition, held] of this.#held)
      if (!held.isReturning && now - held.sent >= this.#timing.renew) void this.#renew(partition, held);
    if (this.#isReady) this.#balance(now);
    const isIdle =
      this.#isReady && this.#held.size === 0 && this.#all.some((partition) => this.#isUnowned(partition, now));
    this.#idleSince = isIdle ? (this.#idleSince ?? now) : null;
  }

  get #all(): number[] {
    return Array.from({ length: this.#options.partitions }, (_, partition) => partition);
  }

  #balance(now: number): void {
    const { partitions } = this.#options;
    const ours = [...this.#held].filter(([, { isReturning }]) => !isReturning).map(([partition]) => partition);
    const share = Math.ceil(partitions / (1 + this.#others(now)));
    const isGiving = ours.length < this.#held.size;
    if (ours.length > share && !isGiving) void this.#giveBack(Math.max(...ours));
    if (now < this.#restsUntil) return;
    const free = this.#all.filter((partition) => this.#isFree(partition, now));
    const room = share - this.#held.size - this.#taking.size;
    for (const partition of shuffled(free).slice(0, Math.max(0, room)))
      this.#taking.set(
        partition,
        this.#take(partition).finally(() => this.#taking.delete(partition)),
      );
  }

  #others(now: number): number {
    for (const [host, at] of this.#hosts) if (now - at > this.#timing.lease + MARGIN_MS) this.#hosts.delete(host);
    return this.#hosts.size;
  }

  #isFree(partition: number, now: number): boolean {
    return !this.#held.has(partition) && !this.#taking.has(partition) && this.#isUnowned(partition, now);
  }

  #isUnowned(partition: number, now: number): boolean {
    const seen = this.#seen.get(partition);
    return seen === undefined || seen.lease.owner === null || now - seen.at > this.#timing.lease + MARGIN_MS;
  }

  async #take(partition: number): Promise<void> {
    const before = this.#seen.get(partition)?.lease;
    const epoch = (before?.epoch ?? 0) + 1;
    const sent = this.#now();
    const row = { partition, owner: this.#options.host, epoch, beat: 0 };
    const revision = await this.#written(row, before?.revision ?? 0);
    if (revision === null) return;
    const until = sent + this.#timing.lease - MARGIN_MS;
    if (this.#now() >= until) return; // it took too long: the row will be seen unchanged
    this.#held.set(partition, { epoch, beat: 0, revision, until, sent, isRenewing: false, isReturning: false });
    const owner = before?.owner ?? null;
    this.#options.handlers.onTaken(partition, epoch, owner !== null && owner !== this.#options.host);
  }

  /** A renewal whose answer is lost may have been written: the watch then tells its revision. */
  async #renew(partition: number, held: Held): Promise<void> {
    if (held.isRenewing) return;
    held.isRenewing = true;
    const sent = this.#now();
    held.sent = sent;
    const row = { partition, owner: this.#options.host, epoch: held.epoch, beat: held.beat + 1 };
    const revision = await this.#written(row, held.revision);
    held.isRenewing = false;
    if (revision === null) return;
    held.beat = row.beat;
    held.revision = Math.max(held.revision, revision);
    held.until = Math.max(held.until, sent + this.#timing.lease - MARGIN_MS);
  }

  async #giveBack(partition: number): Promise<void> {
    const held = this.#held.get(partition);
    if (held === undefined || held.isReturning) return;
    held.isReturning = true;
    await this.#options.handlers.onReturn(partition).catch((error: unknown) => this.#away(error));
    if (this.#held.get(partition) !== held) return;
    const { epoch, beat, revision } = held;
    this.#held.delete(partition);
    await this.#written({ partition, owner: null, epoch, beat: beat + 1 }, revision);
  }

  /** Null: somebody was quicker, or the table cannot be reached. */
  async #written(row: Parameters<Leases["write"]>[0], revision: number): Promise<number | null> {
    try {
      const written = await this.#options.leases.write(row, revision);
      this.#answered();
      return written;
    } catch (error) {
      this.#away(error);
      return null;
    }
  }

  #live(now: number): void {
    this.#lived = now;
    this.#options.leases.live(this.#options.host).then(
      () => this.#answered(),
      (error: unknown) => this.#away(error),
    );
  }

  #answered(): void {
    this.#isAway = false;
    this.#heard = this.#now();
  }

  #lose(partition: number): void {
    if (this.#held.delete(partition)) this.#options.handlers.onLost(partition);
  }

  /** This host was away: what it saw is old. */
  #returned(now: number): void {
    for (const [partition, { lease }] of this.#seen) this.#seen.set(partition, { lease, at: now });
    this.#restsUntil = this.#lookedAt === 0 ? 0 : now + this.#timing.lease;
  }

  /** Until the table tells no more; then a later look begins anew. */
  async #watch(): Promise<void> {
    const handlers = {
      onLease: (lease: Lease) => this.#onLease(lease),
      onHost: (host: string, isLeft: boolean) => this.#onHost(host, isLeft),
      onReady: () => {
        this.#isReady = true;
        this.#answered();
      },
    };
    try {
      await this.#options.leases.watch(handlers, this.#stopped.signal);
    } catch (error) {
      this.#away(error);
    }
    if (this.#isReady) this.#returned(this.#now());
    this.#isReady = false;
    this.#watching = null;
    this.#watchAt = this.#now() + RETRY_MS;
  }

  #onLease(lease: Lease): void {
    const { partition, owner, epoch, revision } = lease;
    const before = this.#seen.get(partition);
    if (before !== undefined && before.lease.revision >= revision) return;
    // Epochs only rise, also where somebody has deleted the row.
    const highest = Math.max(epoch, before?.lease.epoch ?? 0);
    this.#seen.set(partition, { lease: { ...lease, epoch: highest }, at: this.#now() });
    const held = this.#held.get(partition);
    if (held === undefined || revision <= held.revision) return;
    if (owner === this.#options.host && epoch === held.epoch) held.revision = revision;
    else this.#lose(partition);
  }

  #onHost(host: string, isLeft: boolean): void {
    if (host === this.#options.host) return;
    if (isLeft) this.#hosts.delete(host);
    else this.#hosts.set(host, this.#now());
  }

  #away(error: unknown): void {
    if (!this.#isAway) this.#options.say(`vedette: the pool's leases cannot be reached: ${reasonOf(error)}`);
    this.#isAway = true;
  }
}

/** In an order of chance: hosts that look at once then want different ones. */
function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, by: Math.random() }))
    .sort((a, b) => a.by - b.by)
    .map(({ value }) => value);
}

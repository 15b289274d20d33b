// SPDX-License-Identifier: Apache-2.0
// Forwards what comes in to the bus, in blocks: one more reader of the intake's ring. An agent's batch is
// acknowledged when it was judged here and its block is on the bus or in a file. One block of a source is on
// its way at a time, so a source's blocks are in order. While the bus is away, blocks go to files, within a
// bound: then blocks without a guarded event go first, then the oldest, and each event is counted.
//
//   ring - lane - seal (512 KiB, 1 s) - memory - bus      or: - file - bus      or: - counted as lost
import { setTimeout as sleep } from "node:timers/promises";
import { VedetteError } from "../errors.js";
import type { Intake, Tap, TappedBatch } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { reasonOf } from "../reason.js";
import { VERSION } from "../version.js";
import { openChecked } from "../wire/batch.js";
import { BLOCK_BYTES_MAX, decodeBlock } from "./block.js";
import { type Bus, BusFailure } from "./bus.js";
import { Lane, type Waiting } from "./lane.js";
import { Spool } from "./spool.js";
import { blockStream, type Place } from "./subject.js";

/** Why events never got to the bus: no room, a file that is none of ours, or the end of this host. */
export type LossCause = "full" | "damaged" | "ended";

/** What is forwarded, and where to. */
export interface ForwarderOptions {
  readonly bus: Bus;
  readonly place: Place;
  readonly tenant: string;
  readonly task: string;
  /** Types of events, by id; null: all. */
  readonly wanted: ReadonlySet<number> | null;
  /** Undefined: blocks wait in memory alone. */
  readonly spool?: { readonly folder: string; readonly bytes: number };
  /** Told of what changed: that the bus is away, or is there again. */
  readonly say: (line: string, level: "info" | "warning") => void;
  readonly onFault: (error: unknown) => void;
}

/** Numbers since the start. `problem`: why the bus takes nothing; null: it does. */
export interface ForwardStats {
  readonly blocks: number;
  readonly events: number;
  readonly leftOut: number;
  readonly lost: Readonly<Record<LossCause, number>>;
  readonly spoolBytes: number;
  readonly waiting: number;
  readonly problem: string | null;
  /** The last block that the bus has: its number in its stream, and when it had it, ms since the epoch. */
  readonly acked: { readonly seq: number; readonly at: number } | null;
}

const SEAL_MS = 1_000;
const LOOK_MS = 100;
/** A block that the bus has not taken by then goes to a file. */
const PATIENCE_MS = 1_000;
/** How often a bus is asked that took nothing, while nothing waits for it. */
const AGAIN_MS = 5_000;
const MEMORY_BYTES = 4 << 20;
/**
 * Of blocks in memory, before they are packed: the agents keep as much in their spools of 16 MiB each. What
 * is more goes to files, also while the bus may still answer.
 */
const KEPT_BYTES = 2 << 20;
const RETRY_MS = 200;
const RETRY_MS_MAX = 30_000;
/** Of sources and of lanes. Those of agents that are connected, 256 at most, are kept beyond it. */
const LANES_MAX = 1_024;

/** Forwards from when it is made until finish(). */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #intake: Intake;
  readonly #tap: Tap;
  readonly #spool: Spool | null;
  readonly #lanes = new Map<string, Lane>();
  readonly #sources = new Map<number, string>();
  /** The bus is being given these. */
  readonly #going = new Set<Waiting>();
  /** Of those: there was no room to keep them, so they are lost if the bus does not take them. */
  readonly #givenUp = new Set<Waiting>();
  readonly #stop = new AbortController();
  readonly #look: NodeJS.Timeout;
  readonly #lost: Record<LossCause, number> = { full: 0, damaged: 0, ended: 0 };
  #wake = new AbortController();
  #turn = 0;
  #blocks = 0;
  #events = 0;
  /** Of lanes that were forgotten. */
  #leftOut = 0;
  #problem: string | null = null;
  #acked: ForwardStats["acked"] = null;
  #isHurried = false;
  #looked = 0;
  /** Told how long a block waited for its acknowledgement, in seconds. */
  onAck: (seconds: number) => void = () => undefined;

  /** To be made before anything comes. Throws VEDETTE_QUEUE_DISK. */
  constructor(options: ForwarderOptions, intake: Intake) {
    this.#options = options;
    this.#intake = intake;
    this.#spool = options.spool === undefined ? null : new Spool(options.spool.folder);
    for (const file of this.#spool?.left() ?? []) {
      this.#turn = Math.max(this.#turn, file.turn);
      const { turn, source, events, isGuarded } = file;
      const block = { turn, source, events, isGuarded, first: 0, raw: 0, at: performance.now(), bytes: null, file };
      this.#lane(source).waiting.push(block);
    }
    this.#tap = intake.tap((batch) => this.#take(batch));
    intake.keepBy((stream, seq) => this.#lanes.get(this.#sources.get(stream) ?? "")?.isKept(seq) ?? false);
    this.#look = setInterval(() => this.#lookAround(), LOOK_MS);
    this.#lookAround();
    void this.#fits();
  }

  stats(): ForwardStats {
    const lanes = [...this.#lanes.values()];
    return {
      ...{ blocks: this.#blocks, events: this.#events, lost: this.#lost, problem: this.#problem },
      acked: this.#acked,
      leftOut: lanes.reduce((sum, { leftOut }) => sum + leftOut, this.#leftOut),
      spoolBytes: this.#spool?.bytes ?? 0,
      waiting: lanes.reduce((sum, { waiting }) => sum + waiting.length, 0),
    };
  }

  /** From now on blocks are sealed as soon as something is there: agents wait for their last word. */
  hurry(): void {
    const isFirst = !this.#isHurried;
    this.#isHurried = true;
    this.#wake.abort();
    this.#lookAround();
    const waiting = this.#all().length;
    if (isFirst && this.#problem !== null && waiting > 0)
      this.#options.say(`${counted(waiting, "block")} still to be sent, and the bus takes nothing`, "warning");
  }

  /** The agent of this stream waits for its last word: what is there is sealed, and what comes, too. */
  ending(stream: number): void {
    this.#tap.finish();
    const lane = this.#lanes.get(this.#sources.get(stream) ?? "");
    if (lane === undefined) return;
    lane.isEnding = true;
    if (lane.age(0) !== null) this.#seal(lane, stream);
  }

  /** Nothing more comes. Waits so long, ms, for the bus; what is left stays in files, or is counted. */
  async finish(ms: number): Promise<void> {
    this.#tap.finish();
    this.#tap.close();
    this.hurry();
    const deadline = performance.now() + ms;
    while (performance.now() < deadline && this.#all().length > 0) await sleep(LOOK_MS);
    this.#isHurried = true;
  }

  /** What waits goes to files; without a folder it is counted, and that is said. */
  async close(): Promise<void> {
    clearInterval(this.#look);
    this.#tap.close();
    for (const lane of this.#lanes.values()) if (lane.age(0) !== null) this.#seal(lane);
    this.#spoolOlderThan(0);
    this.#stop.abort();
    this.#wake.abort();
    for (const block of this.#givenUp) this.#lose(block);
    for (const block of this.#all()) if (block.file === null) this.#drop(block, "ended");
    const left = this.#all().length;
    if (left > 0) this.#options.say(`${counted(left, "block")} left in the spool for the next start`, "warning");
    const { ended } = this.#lost;
    if (ended > 0) this.#options.say(`${ended} events were not forwarded: the bus takes nothing`, "warning");
    this.#spool?.close();
  }

  #take({ from, bytes }: TappedBatch): boolean {
    const batch = openChecked(bytes);
    const source = Buffer.from(batch.source).toString("hex");
    this.#sources.delete(from);
    this.#sources.set(from, source);
    if (this.#sources.size > LANES_MAX) this.#forgetSource();
    const lane = this.#lane(source);
    if (lane.isFullFor(bytes.length, batch.seq)) this.#seal(lane, from);
    if (lane.add(batch, this.#options.wanted) || lane.isEnding) this.#seal(lane, from);
    return true;
  }

  /** The one that spoke longest ago of those who are gone. */
  #forgetSource(): void {
    for (const stream of this.#sources.keys())
      if (this.#intake.peer(stream) === null) {
        this.#sources.delete(stream);
        return;
      }
  }

  #lane(source: string): Lane {
    const known = this.#lanes.get(source);
    const lane = known ?? new Lane(source);
    this.#lanes.delete(source); // the one that spoke last stands last
    this.#lanes.set(source, lane);
    if (known === undefined && this.#lanes.size > LANES_MAX) this.#forgetLane(lane);
    return lane;
  }

  /** An agent that is there may still ask whether its batches are kept. */
  #forgetLane(own: Lane): void {
    const asked = new Set([...this.#sources].flatMap(([stream, one]) => (this.#intake.peer(stream) ? [one] : [])));
    for (const [source, lane] of this.#lanes)
      if (lane.isEmpty && !lane.isSending && lane !== own && !asked.has(source)) {
        this.#leftOut += lane.leftOut;
        this.#lanes.delete(source);
        return;
      }
  }

  #seal(lane: Lane, from = this.#streamOf(lane.source)): void {
    const { tenant, task } = this.#options;
    const peer = this.#intake.peer(from);
    const sender = { tenant, task, source: lane.source, version: VERSION };
    lane.seal({ sender, host: peer?.hostname ?? "", container: peer?.facts ?? null }, ++this.#turn);
    this.#boundMemory();
    void this.#send(lane);
  }

  #streamOf(source: string): number {
    return [...this.#sources].findLast(([, one]) => one === source)?.[0] ?? 0;
  }

  #lookAround(): void {
    const now = performance.now();
    const least = this.#isHurried ? 0 : SEAL_MS;
    for (const lane of this.#lanes.values()) {
      if ((lane.age(now) ?? -1) >= least) this.#seal(lane);
      if (lane.waiting.length > 0) void this.#send(lane);
    }
    this.#spoolOlderThan(this.#problem === null ? PATIENCE_MS : 0);
    const isIdle = [...this.#lanes.values()].every(({ waiting }) => waiting.length === 0);
    if (this.#problem !== null && isIdle && now - this.#looked > AGAIN_MS) void this.#fits();
  }

  #spoolOlderThan(ms: number): void {
    const now = performance.now();
    for (const block of this.#all()) if (block.file === null && now - block.at >= ms) this.#toFile(block);
  }

  #toFile(block: Waiting): void {
    const { spool } = this.#options;
    if (this.#spool === null || spool === undefined || block.bytes === null) return;
    const room = spool.bytes - Spool.sizeOf(block.bytes);
    while (this.#spool.bytes > room) {
      const victim = victimOf([...this.#all().filter(({ file }) => file !== null), block]);
      this.#drop(victim, "full");
      if (victim === block) return;
    }
    try {
      block.file = this.#spool.write(block.bytes, block);
      block.bytes = null;
    } catch (error) {
      this.#options.onFault(error); // it stays in memory, within its bound
    }
  }

  /** The oldest go to files; where they cannot, and memory is full, some are given up. */
  #boundMemory(): void {
    let [size, kept] = [0, 0];
    const inMemory = this.#all().filter(({ bytes }) => bytes !== null);
    for (const { bytes, raw } of inMemory) [size, kept] = [size + (bytes?.length ?? 0), kept + raw];
    for (const block of inMemory) {
      if (size <= MEMORY_BYTES && kept <= KEPT_BYTES) return;
      const had = block.bytes?.length ?? 0;
      this.#toFile(block);
      if (block.bytes === null) [size, kept] = [size - had, kept - block.raw];
    }
    for (let left = inMemory.filter(({ bytes }) => bytes !== null); size > MEMORY_BYTES; ) {
      const victim = victimOf(left);
      size -= victim.bytes?.length ?? 0;
      left = left.filter((one) => one !== victim);
      this.#drop(victim, "full");
    }
  }

  /** All that wait, the oldest first. */
  #all(): Waiting[] {
    return [...this.#lanes.values()].flatMap(({ waiting }) => waiting).sort((one, other) => one.turn - other.turn);
  }

  #drop(block: Waiting, cause: LossCause): void {
    if (cause === "full" && this.#going.has(block)) this.#givenUp.add(block);
    else this.#lost[cause] += block.events;
    this.#remove(block);
  }

  /** The bus did not take it. If it was given up meanwhile, it is lost. */
  #lose(block: Waiting): void {
    if (this.#givenUp.delete(block)) this.#lost.full += block.events;
  }

  #remove(block: Waiting): void {
    const { waiting } = this.#lanes.get(block.source) as Lane;
    const at = waiting.indexOf(block);
    if (at >= 0) waiting.splice(at, 1);
    if (block.file !== null) this.#spool?.remove(block.file);
    block.bytes = null;
  }

  async #send(lane: Lane): Promise<void> {
    if (lane.isSending) return;
    lane.isSending = true;
    try {
      for (let delay = RETRY_MS; lane.waiting[0] !== undefined && !this.#stop.signal.aborted; ) {
        const block = lane.waiting[0];
        const bytes = block.bytes ?? this.#read(block);
        if (bytes === null) this.#drop(block, "damaged");
        else if (await this.#publish(block, bytes)) delay = RETRY_MS;
        else {
          await this.#pause(delay * (0.5 + Math.random() / 2));
          delay = Math.min(2 * delay, RETRY_MS_MAX);
        }
      }
    } finally {
      lane.isSending = false;
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#wake.signal.aborted && !this.#stop.signal.aborted) this.#wake = new AbortController();
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  /** A file may be anybody's who could write there: it must be one of ours, of this task. */
  #read({ file, source }: Waiting): Buffer | null {
    const bytes = file === null ? null : (this.#spool?.read(file) ?? null);
    if (bytes === null) return null;
    try {
      const { sender } = decodeBlock(bytes);
      const { tenant, task } = this.#options;
      return sender.source === source && sender.tenant === tenant && sender.task === task ? bytes : null;
    } catch {
      return null;
    }
  }

  /** False: it did not go well, and may later. */
  async #publish(block: Waiting, bytes: Buffer): Promise<boolean> {
    const { bus, place } = this.#options;
    const { signal } = this.#stop;
    const begun = performance.now();
    this.#going.add(block);
    try {
      await this.#checkSize();
      const seq = await bus.publish(place.subject, bytes, signal);
      this.#acked = { seq, at: Date.now() };
      this.#givenUp.delete(block);
    } catch (error) {
      this.#lose(block);
      if (signal.aborted) return false;
      const isNew = error instanceof BusFailure && error.kind === "nobody";
      if (isNew && (await this.#ensured())) return false;
      this.#onRefused(error);
      this.#spoolOlderThan(0);
      return false;
    } finally {
      this.#going.delete(block);
    }
    this.#onTaken();
    this.onAck((performance.now() - begun) / 1000);
    this.#blocks++;
    this.#events += block.events;
    this.#remove(block);
    return true;
  }

  #onRefused(error: unknown): void {
    const { onFault, say } = this.#options;
    const reason = reasonOf(error);
    if (error instanceof VedetteError && this.#problem !== reason) onFault(error);
    else if (this.#problem === null) say(`the bus takes nothing: ${reason}`, "warning");
    this.#problem = reason;
  }

  /** A bus that takes no block that there may be takes none: before the first large one is lost. */
  async #checkSize(): Promise<void> {
    const most = await this.#options.bus.largest(this.#stop.signal);
    if (most < BLOCK_BYTES_MAX) throw new VedetteError("VEDETTE_BUS_PAYLOAD", { most, least: BLOCK_BYTES_MAX });
  }

  /** What is wrong with the bus is told before anything waits for it, and so is that it is well again. */
  async #fits(): Promise<void> {
    this.#looked = performance.now();
    try {
      await this.#checkSize();
      this.#onTaken();
    } catch (error) {
      if (!this.#stop.signal.aborted && error instanceof VedetteError) this.#onRefused(error);
    }
  }

  #onTaken(): void {
    if (this.#problem !== null) this.#options.say("the bus takes blocks again", "info");
    this.#problem = null;
  }

  async #ensured(): Promise<boolean> {
    const { bus, place } = this.#options;
    return bus.ensure(blockStream(place.partition), this.#stop.signal).then(
      () => true,
      () => false,
    );
  }
}

/** The oldest without a guarded event; else the oldest. */
function victimOf(blocks: readonly Waiting[]): Waiting {
  return blocks.find(({ isGuarded }) => !isGuarded) ?? (blocks[0] as Waiting);
}

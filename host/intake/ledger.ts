// SPDX-License-Identifier: Apache-2.0
// Counts what came in, and finds out what has been judged. The ledger reads the ring beside the policy
// workers, but only the envelope of each batch, and remembers where the batch ends. When every worker has
// passed that place, the batch has been judged. Its alerts are then on their way to this thread as messages.
// So the ledger acknowledges the batch one turn later, when they have been written.
import { positionOf, RingReader } from "../capture/ring.js";
import { openChecked } from "../wire/batch.js";
import { type BatchFacts, factsOf } from "./batch-facts.js";
import { refusedStrangers, type Stranger } from "./strangers.js";

/** `onBatch` is called once for each batch that arrives, `acknowledge` once for each stream and turn. */
export interface LedgerHandlers {
  readonly onBatch: (stream: number, batch: ArrivedBatch) => void;
  readonly acknowledge: (stream: number, seq: number) => void;
  /** Whether a batch that was judged may be forgotten by its agent, since others who need it have it. */
  readonly isKept: (stream: number, seq: number) => boolean;
}

/** What the ledger reads of a batch: its envelope, and the notices of strangers in it. */
export interface ArrivedBatch extends BatchFacts {
  /** Processes that came in from outside and that its agent cannot capture. */
  readonly strangers: readonly Stranger[];
}

interface Pending {
  readonly end: number;
  readonly seq: number;
}

/** Sources that are remembered: one that left longer ago than as many others is sent everything again. */
const SOURCES_MAX = 1024;

/** Counts batches as they arrive, and acknowledges them when every worker has read them. */
export class Ledger {
  readonly #reader: RingReader;
  readonly #pending = new Map<number, Pending[]>();
  /** Judged when we last looked; its alerts may not have been written yet. */
  #judged = new Map<number, number>();
  readonly #received = new Map<string, number>();
  readonly #ends = new Map<number, number>();

  /** `own`: a place among the ring's readers; `workers`: those of the policy workers. */
  readonly #ring: SharedArrayBuffer;
  readonly #own: number;
  readonly #workers: readonly number[];
  readonly #handlers: LedgerHandlers;

  constructor(ring: SharedArrayBuffer, own: number, workers: readonly number[], handlers: LedgerHandlers) {
    this.#ring = ring;
    this.#own = own;
    this.#workers = workers;
    this.#handlers = handlers;
    this.#reader = new RingReader(ring, own);
  }

  /** The last batch of a source that has arrived here; 0 for a stranger. */
  received(source: string): number {
    this.#read();
    return this.#received.get(source) ?? 0;
  }

  /** One turn: tells what the last turn found judged, reads what is new, looks what is judged now. */
  turn(): void {
    for (const [stream, seq] of this.#judged) this.#handlers.acknowledge(stream, seq);
    this.#judged = new Map();
    this.#read();
    for (const [stream, pending] of this.#pending) this.#look(stream, pending);
  }

  /**
   * The workload of a stream has ended: its end is acknowledged by `next`, the number of the batch that comes
   * behind it, when those before it have been judged.
   */
  end(stream: number, next: number): void {
    this.#ends.set(stream, next);
    if (!this.#pending.has(stream)) this.#pending.set(stream, []);
  }

  forget(stream: number): void {
    this.#pending.delete(stream);
    this.#judged.delete(stream);
    this.#ends.delete(stream);
  }

  /** The workers no longer wait for this reader. */
  close(): void {
    this.#reader.detach();
  }

  get isIdle(): boolean {
    return (
      this.#judged.size === 0 &&
      this.#ends.size === 0 &&
      [...this.#pending.values()].every((pending) => pending.length === 0)
    );
  }

  /** Nothing is left but what others than the workers have to keep. */
  get waitsForOthers(): boolean {
    const isJudged = (pending: readonly Pending[]): boolean => pending.every(({ end }) => this.#isPassed(end));
    return this.#judged.size === 0 && [...this.#pending.values()].every(isJudged);
  }

  #read(): void {
    for (let raw = this.#reader.next(0); raw !== null; raw = this.#reader.next(0)) {
      const batch = openChecked(raw.bytes);
      const facts = { ...factsOf(batch), strangers: refusedStrangers(batch, raw.types) };
      const { seq } = facts;
      const { stream } = raw;
      this.#reader.release();
      const received = Math.max(seq, this.#received.get(facts.source) ?? 0);
      this.#received.delete(facts.source); // the one that spoke last stands last
      this.#received.set(facts.source, received);
      if (this.#received.size > SOURCES_MAX) this.#received.delete(this.#received.keys().next().value as string);
      const pending = this.#pending.get(stream) ?? [];
      pending.push({ end: positionOf(this.#ring, this.#own), seq });
      this.#pending.set(stream, pending);
      this.#handlers.onBatch(stream, facts);
    }
  }

  #look(stream: number, pending: Pending[]): void {
    let judged = 0;
    while (pending[0] !== undefined && this.#isPassed(pending[0].end) && this.#handlers.isKept(stream, pending[0].seq))
      judged = pending.shift()!.seq;
    const end = this.#ends.get(stream);
    if (pending.length === 0 && end !== undefined) {
      judged = end;
      this.#ends.delete(stream);
    }
    if (judged > 0) this.#judged.set(stream, judged);
  }

  #isPassed(end: number): boolean {
    return this.#workers.every((worker) => ((positionOf(this.#ring, worker) - end) | 0) >= 0);
  }
}

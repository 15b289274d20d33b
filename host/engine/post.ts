// SPDX-License-Identifier: Apache-2.0
// One worker's place, which stays when the thread in it is replaced. Its seats are those that the worker has
// confirmed. The next worker gets the orders that were not confirmed again. So a swap happens once, between
// the same two batches, whatever ends the worker in between.
import type { Worker } from "node:worker_threads";
import { positionOf, wakeReaders } from "../capture/ring.js";
import { startThread } from "../thread.js";
import { WorkerControl } from "./control.js";
import type { KeptLimits } from "./kept-limits.js";
import type { LimitTime } from "./limiter.js";
import type { KnownStreams, NumberedOrder, Order, Place, Report, Seat, Sitting, WorkerStart } from "./messages.js";
import { stepBack, threads } from "./thread-time.js";

/** What a post tells the engine. */
export interface PostHandlers {
  readonly onReport: (post: Post, report: Report) => void;
  /** The worker ended by itself. `cause` is its error, if it said one. */
  readonly onGone: (post: Post, cause: unknown) => Promise<void>;
}

/** `reader` is this worker's place in the ring, `budgetMs` the longest time for one batch in one policy. */
export interface PostOptions extends PostHandlers {
  readonly ring: SharedArrayBuffer;
  readonly reader: number;
  readonly budgetMs: number;
  readonly isSlow: boolean;
  readonly isReplay: boolean;
  readonly limits: LimitTime;
}

/** How a swap ended: a fault in words, or null. */
export type SwapEnd = string | null;

/** What became of an order: who sat down how, and where the reader stood. */
interface OrderEnd {
  readonly sittings: readonly Sitting[];
  readonly place: Place;
  readonly limits: ReadonlyMap<number, KeptLimits>;
}

interface Pending {
  readonly order: NumberedOrder;
  readonly resolve: (end: OrderEnd) => void;
}

type Unnumbered<O> = O extends unknown ? Omit<O, "number"> : never;

/** One worker's place: its seats, its control block and its open orders. */
export class Post {
  readonly control = new WorkerControl();
  readonly seats = new Map<number, Seat>();
  isEnded = false;
  readonly reader: number;
  readonly isSlow: boolean;
  readonly #options: PostOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #starting: Promise<void> = Promise.resolve();
  #orders = 0;
  #isHeld = false;

  constructor(options: PostOptions) {
    this.#options = options;
    this.reader = options.reader;
    this.isSlow = options.isSlow;
  }

  /**
   * Starts a worker with the seats for which `isFit` holds; resolves when it is ready, or gone and replaced.
   */
  start(streams: KnownStreams, isFit: (id: number) => boolean): Promise<void> {
    this.#starting = this.#spawn(streams, isFit);
    return this.#starting;
  }

  /** Ends the worker and starts another, after `mend` has set the control block right. */
  replace(streams: KnownStreams, isFit: (id: number) => boolean, mend: () => void): Promise<void> {
    const worker = this.#worker;
    this.#worker = null; // its exit is ours to handle
    this.#starting = (worker?.terminate() ?? Promise.resolve()).then(() => {
      mend();
      return this.#spawn(streams, isFit);
    });
    return this.#starting;
  }

  /** A worker that is replaced while it starts has a successor to wait for. */
  async ready(): Promise<void> {
    for (let starting: Promise<void> | null = null; starting !== this.#starting; ) {
      starting = this.#starting;
      await starting;
    }
  }

  get isRunning(): boolean {
    return this.#worker !== null;
  }

  /** Where its reader stands. */
  get position(): number {
    return positionOf(this.#options.ring, this.reader);
  }

  get #place(): Place {
    return { position: this.position, last: this.control.last };
  }

  /** Lets one policy go and another come between two batches. */
  async swap(out: number | null, seat: Seat | null): Promise<SwapEnd> {
    const { sittings } = await this.#ask({ kind: "swap", out, seat });
    return sittings.find(({ fault }) => fault !== null)?.fault ?? null;
  }

  /** From here on it takes no batch, until take(); gives where it stands. */
  async hold(): Promise<number> {
    return (await this.#ask({ kind: "hold" })).place.position;
  }

  /** Lets policies go at `at` or behind it; gives where that was. */
  async leave(ids: readonly number[], at: number): Promise<Place> {
    return (await this.#ask({ kind: "leave", ids, at })).place;
  }

  /** Ends a hold; these policies have come. */
  async take(seats: readonly Seat[]): Promise<readonly Sitting[]> {
    return (await this.#ask({ kind: "take", seats })).sittings;
  }

  /** What is used up of its policies' limits, by their ids. */
  async limits(): Promise<ReadonlyMap<number, KeptLimits>> {
    return (await this.#ask({ kind: "limits" })).limits;
  }

  /** The worker has carried out an order. */
  confirm({ number, sittings, place, limits }: Report & { kind: "done" }): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    const { order } = pending;
    if (order.kind === "hold") this.#isHeld = true;
    if (order.kind === "take") this.#isHeld = false;
    const hasFailed = sittings.some(({ fault }) => fault !== null);
    if (order.kind === "leave") for (const id of order.ids) this.seats.delete(id);
    if (order.kind === "swap" && !hasFailed && order.out !== null) this.seats.delete(order.out);
    for (const seat of comers(order)) {
      const sitting = sittings.find(({ id }) => id === seat.id);
      if (sitting !== undefined && sitting.fault === null) this.seats.set(seat.id, { ...seat, keep: sitting.keep });
    }
    pending.resolve({ sittings, place, limits });
  }

  /** A policy that was to come never got ready: the swap is off. True if there was one. */
  abandon(id: number, fault: string): boolean {
    const pending = [...this.#pending.values()].find(
      ({ order }) => order.kind === "swap" && order.seat?.id === id && !this.seats.has(id),
    );
    if (pending === undefined) return false;
    this.#pending.delete(pending.order.number);
    pending.resolve({ sittings: [{ id, fault, keep: null }], place: this.#place, limits: new Map() });
    return true;
  }

  send(order: Order): void {
    this.#worker?.postMessage(order);
    this.control.order();
    wakeReaders(this.#options.ring);
  }

  /** The worker has judged everything and answers no more orders. */
  end(): void {
    this.isEnded = true;
    this.#answerAll("the engine has ended");
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
    this.#answerAll("the engine was stopped");
  }

  #answerAll(fault: string): void {
    for (const { order, resolve } of this.#pending.values()) {
      const sittings = comers(order).map(({ id }) => ({ id, fault, keep: null }));
      resolve({ sittings, place: this.#place, limits: new Map() });
    }
    this.#pending.clear();
  }

  #ask(what: Unnumbered<NumberedOrder>): Promise<OrderEnd> {
    const order = { ...what, number: ++this.#orders } as NumberedOrder;
    return new Promise((resolve) => {
      this.#pending.set(order.number, { order, resolve });
      if (this.isEnded) this.#answerAll("the engine has ended");
      else this.send(order);
    });
  }

  #spawn(streams: KnownStreams, isFit: (id: number) => boolean): Promise<void> {
    const { ring, reader, budgetMs, isSlow, isReplay, limits } = this.#options;
    const seats = [...this.seats.values()].filter(({ id }) => isFit(id));
    const { memory: control } = this.control;
    const data: WorkerStart = {
      ring,
      reader,
      control,
      seats,
      streams,
      budgetMs,
      isSlow,
      isHeld: this.#isHeld,
      isReplay,
      limits,
    };
    const worker = isSlow ? startBehind(data) : startThread(import.meta.url, "./worker", { workerData: data });
    this.#worker = worker;
    for (const { order } of this.#pending.values()) worker.postMessage(fitOnly(order, isFit));
    if (this.#pending.size > 0) this.control.order();
    return new Promise((resolve, reject) => {
      let cause: unknown;
      worker.on("message", (report: Report) => {
        if (report.kind === "ready") resolve();
        this.#options.onReport(this, report);
      });
      worker.on("error", (error) => {
        cause = error;
      });
      worker.on("exit", () => {
        if (this.#worker !== worker) {
          resolve(); // replaced: its successor is waited for
          return;
        }
        this.#worker = null;
        this.#options.onGone(this, cause).then(resolve, reject);
      });
    });
  }
}

/**
 * A thread takes 25 ms to begin: the slow worker's steps back before that, or each of its restarts would be
 * felt by the others.
 */
function startBehind(data: WorkerStart): Worker {
  const before = threads();
  const worker = startThread(import.meta.url, "./worker", { workerData: data });
  const born = [...threads()].filter((thread) => !before.has(thread));
  if (born.length === 1) stepBack(born[0] as number);
  return worker;
}

/** The policies that an order seats. */
function comers(order: NumberedOrder): readonly Seat[] {
  if (order.kind === "take") return order.seats;
  return order.kind === "swap" && order.seat !== null ? [order.seat] : [];
}

/** The order without policies that ended the worker before when they were to be seated. */
function fitOnly(order: NumberedOrder, isFit: (id: number) => boolean): NumberedOrder {
  return order.kind === "take" ? { ...order, seats: order.seats.filter(({ id }) => isFit(id)) } : order;
}

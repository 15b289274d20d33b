// SPDX-License-Identifier: Apache-2.0
// One worker's place: what stays when the thread in it is replaced. Its seats are those that the worker has confirmed; orders
// that it has not confirmed are given to the next worker again, so that a swap happens once, between the same two batches,
// whatever ends the worker in between.
import type { Worker } from "node:worker_threads";
import { wakeReaders } from "../capture/ring.js";
import type { ContainerFacts } from "../wire/container.js";
import { WorkerControl } from "./control.js";
import type { Order, Report, Seat, WorkerStart } from "./messages.js";
import { startThread } from "./thread.js";

export interface PostHandlers {
  readonly onReport: (post: Post, report: Report) => void;
  /** The worker ended by itself. `cause` is its error, if it said one. */
  readonly onGone: (post: Post, cause: unknown) => Promise<void>;
}

/** How a swap ended: a fault in words, or null. */
export type SwapEnd = string | null;

interface Pending {
  readonly order: Order & { readonly kind: "swap" };
  readonly resolve: (end: SwapEnd) => void;
}

export class Post {
  readonly control = new WorkerControl();
  readonly seats = new Map<number, Seat>();
  isEnded = false;
  readonly reader: number;
  readonly #ring: SharedArrayBuffer;
  readonly #handlers: PostHandlers;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #starting: Promise<void> = Promise.resolve();
  #orders = 0;

  constructor(ring: SharedArrayBuffer, reader: number, handlers: PostHandlers) {
    this.#ring = ring;
    this.reader = reader;
    this.#handlers = handlers;
  }

  /** Starts a worker with the seats for which `isFit` holds; resolves when it is ready, or gone and replaced. */
  start(containers: ReadonlyMap<number, ContainerFacts>, isFit: (id: number) => boolean): Promise<void> {
    this.#starting = this.#spawn(containers, isFit);
    return this.#starting;
  }

  /** Ends the worker and starts another, after `mend` has set the control block right. */
  replace(
    containers: ReadonlyMap<number, ContainerFacts>,
    isFit: (id: number) => boolean,
    mend: () => void,
  ): Promise<void> {
    const worker = this.#worker;
    this.#worker = null; // its exit is ours to handle
    this.#starting = (worker?.terminate() ?? Promise.resolve()).then(() => {
      mend();
      return this.#spawn(containers, isFit);
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

  /** Lets one policy go and another come between two batches. */
  swap(out: number | null, seat: Seat | null): Promise<SwapEnd> {
    const order = { kind: "swap" as const, number: ++this.#orders, out, seat };
    return new Promise((resolve) => {
      this.#pending.set(order.number, { order, resolve });
      this.send(order);
    });
  }

  /** The worker has carried out a swap. */
  confirm({ number, fault, keep }: Report & { kind: "swapped" }): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    const { out, seat } = pending.order;
    if (fault === null) {
      if (out !== null) this.seats.delete(out);
      if (seat !== null) this.seats.set(seat.id, { ...seat, keep });
    }
    pending.resolve(fault);
  }

  /** A policy that was to come never got ready: the swap is off. True if there was one. */
  abandon(id: number, fault: string): boolean {
    const pending = [...this.#pending.values()].find(({ order }) => order.seat?.id === id);
    if (pending === undefined || this.seats.has(id)) return false;
    this.#pending.delete(pending.order.number);
    pending.resolve(fault);
    return true;
  }

  send(order: Order): void {
    this.#worker?.postMessage(order);
    this.control.order();
    wakeReaders(this.#ring);
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
    for (const { resolve } of this.#pending.values()) resolve("the engine was stopped");
    this.#pending.clear();
  }

  #spawn(containers: ReadonlyMap<number, ContainerFacts>, isFit: (id: number) => boolean): Promise<void> {
    const seats = [...this.seats.values()].filter(({ id }) => isFit(id));
    const data: WorkerStart = {
      ring: this.#ring,
      reader: this.reader,
      control: this.control.memory,
      seats,
      containers,
    };
    const worker = startThread("./worker", { workerData: data });
    this.#worker = worker;
    for (const { order } of this.#pending.values()) worker.postMessage(order);
    if (this.#pending.size > 0) this.control.order();
    return new Promise((resolve, reject) => {
      let cause: unknown;
      worker.on("message", (report: Report) => {
        if (report.kind === "ready") resolve();
        this.#handlers.onReport(this, report);
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
        this.#handlers.onGone(this, cause).then(resolve, reject);
      });
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
// One thread of the store, as the host's first thread asks it. A question that is not answered in time ends
// its thread, since nothing else can stop SQLite in the middle of a step; the next question starts another.
import type { Worker } from "node:worker_threads";
import { startThread } from "../thread.js";
import type { Answer, Asks, ThreadData } from "./messages.js";
import { StoreSilent } from "./store.js";

/** Opening may mend what a crash left, and bring tables up to date. */
const MS_MAX = { open: 120_000, read: 10_000, write: 60_000 };
/** V8's of a thread: a page of findings is 1 MiB of text. */
const HEAP = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

/** An error of SQLite's. `code`: null where it was none. */
export class StoreFailed extends StoreSilent {
  readonly code: number | null;

  constructor(reason: string, code: number | null) {
    super(reason);
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts its thread when it is asked for the first time. */
export class AskedThread {
  readonly #data: ThreadData;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #number = 0;
  #isClosed = false;

  constructor(data: ThreadData) {
    this.#data = data;
  }

  /** Resolves when it has opened the file. Throws StoreFailed. */
  open(): Promise<void> {
    return this.#start();
  }

  /** Throws StoreFailed, StoreSilent. */
  async ask<Name extends keyof Asks>(ask: Name, ...values: Parameters<Asks[Name]>): Promise<ReturnType<Asks[Name]>> {
    if (this.#isClosed) throw new StoreSilent("the store was closed");
    if (this.#worker === null) void this.#start().catch(() => undefined);
    const number = ++this.#number;
    const msMax = ask === "append" || ask === "decide" ? MS_MAX.write : MS_MAX.read;
    return this.#answer(number, msMax, () => this.#worker?.postMessage({ number, ask, values }));
  }

  /** Resolves when what was asked before is done, and the file is closed. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker !== null) await this.ask("close").catch(() => undefined);
    this.#isClosed = true;
    await worker?.terminate();
  }

  #start(): Promise<void> {
    const worker = startThread(import.meta.url, "./store-thread", {
      workerData: this.#data,
      resourceLimits: HEAP,
      stdin: false,
    });
    this.#worker = worker;
    worker.unref();
    worker.on("message", ({ number, value, failed }: Answer) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (this.#waiting.size === 0) worker.unref();
      if (failed === null) waiting?.resolve(value as never);
      else waiting?.reject(new StoreFailed(failed.reason, failed.code));
    });
    worker.on("error", (error) => this.#end(worker, error));
    worker.on("exit", () => this.#end(worker, new StoreSilent("the store's thread has ended")));
    return this.#answer(0, MS_MAX.open, () => undefined);
  }

  #answer<T>(number: number, msMax: number, send: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const worker = this.#worker;
      const timer = setTimeout(() => {
        if (worker !== null) this.#end(worker, new StoreSilent("the store does not answer in time"));
        void worker?.terminate();
      }, msMax);
      timer.unref();
      const over = <V>(then: (value: V) => void) => {
        return (value: V): void => {
          clearTimeout(timer);
          then(value);
        };
      };
      this.#waiting.set(number, { resolve: over(resolve as (value: never) => void), reject: over(reject) });
      worker?.ref(); // whoever waits for an answer is kept alive
      send();
    });
  }

  /** Nobody of that thread is answered any more. */
  #end(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}

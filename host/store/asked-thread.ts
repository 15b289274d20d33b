// SPDX-License-Identifier: Apache-2.0
// One thread of the store, as the host's first thread asks it. It is handed one question at a time, and those
// that wait are taken in turn, whoever asks: so a tenant that asks a lot waits for itself, and the time of a
// question is its own. A thread that does not answer in time is ended, since nothing else can stop SQLite in
// the middle of a step, and another one is started when it has gone, not before. A store in memory is in its
// thread: it is waited for.
import type { Worker } from "node:worker_threads";
import { reasonOf } from "../reason.js";
import { startThread } from "../thread.js";
import { type Lane, Lanes } from "./lanes.js";
import type { Answer, Asks, ThreadData } from "./messages.js";
import { StoreSilent } from "./store.js";

/** How long a thread may take, in milliseconds. */
export interface ThreadTimes {
  /** Opening may mend what a crash left, and bring tables up to date. */
  readonly open: number;
  readonly read: number;
  readonly write: number;
  /** From when it is told to end. */
  readonly end: number;
}

const TIMES: ThreadTimes = { open: 120_000, read: 10_000, write: 60_000, end: 2_000 };
/** V8's of a thread: a page of findings is 1 MiB of text. */
const HEAP = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 3 };

/** An error of SQLite's. `code`: null where it was none. */
export class StoreFailed extends StoreSilent {
  readonly code: number | null;

  constructor(reason: string, code: number | null) {
    super(reason);
    this.code = code;
  }
}

/** A question; null in place of `ask`: that it has opened the file. */
interface Waiting {
  readonly ask: keyof Asks | null;
  readonly values: readonly unknown[];
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts its thread when it is asked for the first time. */
export class AskedThread {
  readonly #data: ThreadData;
  readonly #times: ThreadTimes;
  readonly #waiting = new Lanes<Waiting>();
  #asked: Waiting | null = null;
  #timer: NodeJS.Timeout | undefined;
  #worker: Worker | null = null;
  #number = 0;
  /** It was told to end, and has not. */
  #isEnding = false;
  /** It takes longer than it may, and nobody is to wait for it. */
  #isStuck = false;
  #isClosed = false;

  constructor(data: ThreadData, times: ThreadTimes = TIMES) {
    this.#data = data;
    this.#times = times;
  }

  /** Resolves when it has opened the file. Throws StoreFailed. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => this.#start({ ask: null, values: [], resolve, reject }));
  }

  /** Throws StoreFailed, StoreSilent, VEDETTE_STORE_BUSY. */
  async ask<Name extends keyof Asks>(ask: Name, ...values: Parameters<Asks[Name]>): Promise<ReturnType<Asks[Name]>> {
    if (this.#isClosed) throw new StoreSilent("the store was closed");
    return this.#wait(ask, values, ask === "append" ? undefined : (values[0] as Lane));
  }

  /** Resolves when the file is closed, or the thread does not end in time. Nobody who waits is answered. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#refuse(new StoreSilent("the store was closed"));
    const worker = this.#worker;
    if (worker === null) return;
    if (!this.#isEnding && !this.#isStuck)
      await within(
        this.#times.read,
        this.#wait("close", [], undefined).catch(() => undefined),
      );
    await within(this.#times.end, worker.terminate());
    worker.unref();
  }

  #wait<T>(ask: keyof Asks, values: readonly unknown[], lane: Lane): Promise<T> {
    if (this.#isStuck) throw new StoreSilent("the store does not answer in time");
    return new Promise((resolve, reject) => {
      this.#waiting.put(lane, { ask, values, resolve, reject });
      this.#next();
    });
  }

  /** Hands over the next question where the thread is idle. */
  #next(): void {
    if (this.#isEnding || this.#asked !== null) return;
    if (this.#waiting.isEmpty) {
      this.#worker?.unref();
      return;
    }
    if (this.#worker === null) {
      this.#start({ ask: null, values: [], resolve: () => undefined, reject: (error) => this.#refuse(error) });
      return;
    }
    const { item } = this.#waiting.take() as { readonly item: Waiting };
    const { ask, values } = item;
    this.#begin(item, ask === "append" || ask === "decide" ? this.#times.write : this.#times.read);
    this.#worker.postMessage({ number: ++this.#number, ask, values });
  }

  #start(opening: Waiting): void {
    let worker: Worker;
    try {
      const options = { workerData: this.#data, resourceLimits: HEAP, stdin: false };
      worker = startThread(import.meta.url, "./store-thread", options);
    } catch (error) {
      opening.reject(new StoreSilent(reasonOf(error))); // the machine makes no more threads
      return;
    }
    this.#worker = worker;
    this.#number = 0;
    worker.on("message", (answer: Answer) => this.#answer(answer));
    worker.on("error", (error) => this.#settle(({ reject }) => reject(error)));
    worker.on("exit", () => this.#exit());
    this.#begin(opening, this.#times.open);
  }

  /** From here on its time runs. */
  #begin(asked: Waiting, ms: number): void {
    this.#asked = asked;
    this.#worker?.ref(); // whoever waits for an answer is kept alive
    this.#timer = setTimeout(() => this.#late(), ms).unref();
  }

  #answer({ number, value, failed }: Answer): void {
    if (this.#isEnding || number !== this.#number) return;
    const isOpening = this.#asked?.ask === null;
    this.#isStuck = false;
    this.#settle(({ resolve, reject }) => {
      if (failed === null) resolve(value as never);
      else reject(new StoreFailed(failed.reason, failed.code));
    });
    if (isOpening && failed !== null) this.#end(); // it goes by itself
    this.#next();
  }

  /** Tells who asked how it went. */
  #settle(tell: (asked: Waiting) => void): void {
    clearTimeout(this.#timer);
    const asked = this.#asked;
    this.#asked = null;
    if (asked !== null) tell(asked);
  }

  #late(): void {
    const error = new StoreSilent("the store does not answer in time");
    if (this.#data.path !== null) {
      this.#settle(({ reject }) => reject(error));
      this.#end();
      void this.#worker?.terminate();
      return;
    }
    this.#isStuck = true;
    this.#asked?.reject(error); // it is still asked
    this.#refuse(error);
    this.#worker?.unref();
  }

  /** Who waits is answered by the next thread, if this one goes soon. */
  #end(): void {
    this.#isEnding = true;
    this.#timer = setTimeout(() => {
      this.#isStuck = true;
      this.#refuse(new StoreSilent("the store does not answer in time"));
      this.#worker?.unref();
    }, this.#times.end).unref();
  }

  #exit(): void {
    this.#settle(({ reject }) => reject(new StoreSilent("the store's thread has ended")));
    this.#worker = null;
    this.#isEnding = false;
    this.#isStuck = false;
    if (this.#isClosed) this.#refuse(new StoreSilent("the store was closed"));
    else this.#next();
  }

  /** Those that wait. */
  #refuse(error: Error): void {
    for (const { reject } of this.#waiting.clear()) reject(error);
  }
}

/** Resolves when `work` is done, or after so many ms. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

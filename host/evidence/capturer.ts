// SPDX-License-Identifier: Apache-2.0
// Has captures made of recordings, one after another, each by a thread of its own with bounds of time and
// memory. Recordings come by findings, so more may come than can be made: those that are too many are
// refused, and said to be.
import type { Worker } from "node:worker_threads";
import { reasonOf } from "../reason.js";
import { startThread } from "../thread.js";
import type { CaptureFacts, CaptureForm, CaptureOrder, EvidenceBounds, EvidenceFacts } from "./parts.js";

/** What it is told of one recording. */
export interface CapturerHandlers {
  readonly onMade: (recording: EvidenceFacts, capture: CaptureFacts) => void;
  readonly onRefused: (recording: EvidenceFacts, reason: string) => void;
}

/** V8's of a thread; what it writes lies outside of its heap. */
const HEAP = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 };
const MS_PER_S = 1_000;
const ENDING = ".vedette";

/** Of one folder. Whoever made it must close it. */
export class Capturer {
  readonly #folder: string;
  readonly #bounds: EvidenceBounds;
  readonly #form: CaptureForm;
  readonly #handlers: CapturerHandlers;
  readonly #waiting: EvidenceFacts[] = [];
  #worker: Worker | null = null;
  #isClosed = false;
  #onIdle: () => void = () => undefined;

  constructor(folder: string, bounds: EvidenceBounds, form: CaptureForm, handlers: CapturerHandlers) {
    this.#folder = folder;
    this.#bounds = bounds;
    this.#form = form;
    this.#handlers = handlers;
  }

  /** A recording that is there. */
  add(recording: EvidenceFacts): void {
    if (this.#isClosed) return;
    if (this.#waiting.length >= this.#bounds.capturesWaiting) {
      this.#handlers.onRefused(recording, "too many others wait for theirs");
      return;
    }
    this.#waiting.push(recording);
    this.#next();
  }

  /** Resolves when none is left, or `limitMs` are over. */
  async finish(limitMs: number): Promise<void> {
    if (this.#worker === null) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
  }

  /** What is not made by now is not made. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const one of this.#waiting.splice(0)) this.#handlers.onRefused(one, "Vedette ended before it was made");
    await this.#worker?.terminate();
  }

  #next(): void {
    if (this.#worker !== null) return;
    const recording = this.#waiting.shift();
    if (recording === undefined) {
      this.#onIdle();
      return;
    }
    void this.#make(recording)
      .then(
        (capture) => this.#handlers.onMade(recording, capture),
        (error: unknown) => this.#handlers.onRefused(recording, reasonOf(error)),
      )
      .finally(() => {
        this.#worker = null;
        this.#next();
      });
  }

  async #make(recording: EvidenceFacts): Promise<CaptureFacts> {
    const { captureMs } = this.#bounds;
    const workerData: CaptureOrder = {
      folder: this.#folder,
      bounds: this.#bounds,
      name: recording.file.slice(0, -ENDING.length),
      form: this.#form,
    };
    const worker = startThread(import.meta.url, "./capture-thread", { workerData, resourceLimits: HEAP });
    this.#worker = worker;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void worker.terminate();
    }, captureMs);
    try {
      return await new Promise((resolve, reject) => {
        let made: CaptureFacts | null = null;
        worker.on("message", (facts: CaptureFacts) => {
          made = facts;
        });
        worker.on("error", reject);
        worker.on("exit", () => {
          if (made !== null) resolve(made);
          else reject(new Error(late ? `it took more than ${captureMs / MS_PER_S} s` : "its thread was ended"));
        });
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

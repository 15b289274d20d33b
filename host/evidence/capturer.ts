// SPDX-License-Identifier: Apache-2.0
// Has captures made of recordings, one after another, each by a thread of its own with bounds of time and
// memory. Recordings come by findings, so more may come than can be made: those that are too many are
// refused, and said to be.
//
// A thread is asked to end, and does so between two batches. To terminate it is the last resort: where zlib
// was about to begin there, Node 24 aborts the whole process (src/node_zlib.cc, "close before init").
import { reasonOf } from "../reason.js";
import { startThread } from "../thread.js";
import { EvidenceFolder } from "./evidence-folder.js";
import type { CaptureFacts, CaptureForm, CaptureOrder, EvidenceBounds, EvidenceFacts } from "./parts.js";

/** What it is told of one recording. */
export interface CapturerHandlers {
  readonly onMade: (recording: EvidenceFacts, capture: CaptureFacts) => void;
  readonly onRefused: (recording: EvidenceFacts, reason: string) => void;
}

/** V8's of a thread; what it writes lies outside of its heap. */
const HEAP = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 };
const MS_PER_S = 1_000;
/** A batch takes a second at most; a disk may take longer. */
const END_MS = 30_000;
const ENDING = ".vedette";
const TOO_LATE = "Vedette ended before it was made";

/** Of one folder. Whoever made it must close it. */
export class Capturer {
  readonly #folder: EvidenceFolder;
  readonly #bounds: EvidenceBounds;
  readonly #form: CaptureForm;
  readonly #handlers: CapturerHandlers;
  readonly #waiting: EvidenceFacts[] = [];
  /** Of the one that is made now; null: none is. */
  #making: Promise<void> | null = null;
  #end: (reason: string) => void = () => undefined;
  #isClosed = false;
  #onIdle: () => void = () => undefined;

  /** Throws an Error that says why the folder cannot be used. */
  constructor(folder: string, bounds: EvidenceBounds, form: CaptureForm, handlers: CapturerHandlers) {
    this.#folder = new EvidenceFolder(folder, bounds);
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
    if (this.#making === null) return;
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
    for (const one of this.#waiting.splice(0)) this.#handlers.onRefused(one, TOO_LATE);
    this.#end(TOO_LATE);
    await this.#making;
  }

  #next(): void {
    if (this.#making !== null) return;
    const recording = this.#waiting.shift();
    if (recording === undefined) {
      this.#onIdle();
      return;
    }
    this.#making = this.#make(recording)
      .then(
        (capture) => this.#handlers.onMade(recording, capture),
        (error: unknown) => this.#handlers.onRefused(recording, reasonOf(error)),
      )
      .finally(() => {
        this.#making = null;
        this.#next();
      });
  }

  async #make(recording: EvidenceFacts): Promise<CaptureFacts> {
    const { captureMs } = this.#bounds;
    const name = recording.file.slice(0, -ENDING.length);
    const obstacle = this.#folder.captureObstacle(name, Date.now());
    if (obstacle !== null) throw new Error(obstacle);
    const end = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const place = { folder: this.#folder.path, name, form: this.#form };
    const workerData: CaptureOrder = { ...place, bounds: this.#bounds, end };
    const worker = startThread(import.meta.url, "./capture-thread", { workerData, resourceLimits: HEAP });
    let why = "its thread has ended";
    let timer: NodeJS.Timeout;
    this.#end = (reason) => {
      clearTimeout(timer);
      timer = setTimeout(() => void worker.terminate(), END_MS);
      why = reason;
      Atomics.store(new Int32Array(end), 0, 1);
    };
    timer = setTimeout(() => this.#end(`it took more than ${captureMs / MS_PER_S} s`), captureMs);
    try {
      return await new Promise((resolve, reject) => {
        let made: CaptureFacts | null = null;
        worker.on("message", (facts: CaptureFacts) => {
          made = facts;
        });
        worker.on("error", (error) => {
          if (Atomics.load(new Int32Array(end), 0) === 0) reject(error);
        });
        worker.on("exit", () => {
          if (made !== null) resolve(made);
          else reject(new Error(why));
        });
      });
    } finally {
      this.#end = () => undefined;
      clearTimeout(timer);
      this.#dropPart(name);
    }
  }

  /** A thread that has no memory, or was terminated, runs no `finally`: what it had begun stands there. */
  #dropPart(name: string): void {
    try {
      this.#folder.dropCapture(name);
    } catch {
      // The next start tries again.
    }
  }
}

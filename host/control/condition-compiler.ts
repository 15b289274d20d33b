// SPDX-License-Identifier: Apache-2.0
// Has conditions compiled by a thread, with bounds of time and memory: 4,096 characters can hold dozens of
// regular expressions, and take a minute. The thread is started for the first condition, stays for those that
// come soon after, and is ended where one takes too long. What counts is the processor's time that the thread
// takes: on a machine that has much to do, an honest condition takes seconds by the clock. Its owner hands it
// one condition at a time.
import type { Worker } from "node:worker_threads";
import type { CompiledFilter } from "../falco/falco.js";
import { reasonOf } from "../reason.js";
import { startThread } from "../thread.js";
import { Problem } from "./problem.js";

/** What the thread is asked. */
export interface CompilerQuestion {
  readonly condition: string;
  /** Undefined: all fields. */
  readonly answered: ReadonlySet<string> | undefined;
}

/** What it answers: a compiled condition, or a mistake of whoever asked. */
export type CompilerAnswer =
  | CompiledFilter
  | { readonly message: string; readonly code: string; readonly hint: string };

/** One took too long. It may be the condition's fault, or that of a machine that has much to do. */
export class TookTooLong extends Problem {
  constructor() {
    super(400, "This condition takes too long to compile. Ask with fewer regular expressions.");
  }
}

/** Of one condition, ms of the thread's processor time; an honest one takes a tenth of a second. */
const COMPILE_MS_MAX = 4_000;
/** By the clock it may take so many times as long. */
const CLOCK_TIMES = 5;
/** How often the thread is asked for its processor time, ms. */
const LOOK_MS = 100;
/** From when it is asked to start, ms. */
const START_MS_MAX = 30_000;
/** How long a thread stays that nobody asks, ms. */
const IDLE_MS_MAX = 30_000;
/** V8's of the thread. What it compiles lies outside, and has 32 MiB at most. */
const HEAP = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 };

/** One thread. Whoever made it must close it. */
export class ConditionCompiler {
  readonly #msMax: number;
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout | undefined;

  /** `msMax`: how much of the processor's time one condition may take. */
  constructor(msMax = COMPILE_MS_MAX) {
    this.#msMax = msMax;
  }

  /** Resolves when a thread can be asked. Throws a Problem. */
  async ready(): Promise<void> {
    if (this.#worker !== null) return;
    try {
      const worker = startThread(import.meta.url, "./condition-thread", { resourceLimits: HEAP, stdin: false });
      this.#worker = worker;
      worker.on("error", () => undefined); // who waits is told, and whoever asks next has another one
      worker.on("exit", () => this.#forget(worker));
    } catch (error) {
      throw new Problem(503, `Conditions cannot be compiled now: ${reasonOf(error)}`);
    }
    await this.#heard(START_MS_MAX, notNow());
  }

  /** Compiles one, by a thread that is ready. Throws TookTooLong, or another Problem. */
  async compile(condition: string, answered?: ReadonlySet<string>): Promise<CompiledFilter> {
    const question: CompilerQuestion = { condition, answered };
    const heard = this.#heard<CompilerAnswer>(CLOCK_TIMES * this.#msMax, new TookTooLong(), this.#msMax);
    this.#worker?.postMessage(question);
    const answer = await heard;
    if ("message" in answer) throw new Problem(400, answer.message, answer.code, answer.hint);
    return answer;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }

  /**
   * The thread's next word. It is ended where it says none in time, or takes more than `spentMax` of the
   * processor's, which is `late`. Where it ends by itself, say for want of memory, that says nothing of who
   * asked.
   */
  #heard<T>(msMax: number, late: Problem, spentMax = Number.POSITIVE_INFINITY): Promise<T> {
    const worker = this.#worker;
    if (worker === null) return Promise.reject(notNow());
    clearTimeout(this.#timer);
    worker.ref(); // whoever waits for an answer is kept alive
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const stopWaiting = (): void => {
        isOver = true;
        clearTimeout(timer);
        clearInterval(look);
        worker.off("exit", onExit);
      };
      const onExit = (): void => {
        stopWaiting();
        reject(notNow());
      };
      const giveUp = (): void => {
        if (isOver) return; // it has answered while somebody looked
        stopWaiting();
        reject(late);
        this.#end(worker);
      };
      const timer = setTimeout(giveUp, msMax).unref();
      const look = onSpent(worker, spentMax, giveUp);
      worker.once("exit", onExit);
      worker.once("message", (answer: T) => {
        stopWaiting();
        worker.unref();
        this.#timer = setTimeout(() => this.#end(worker), IDLE_MS_MAX).unref();
        resolve(answer);
      });
    });
  }

  #end(worker: Worker): void {
    this.#forget(worker); // whoever asks next has another one
    void worker.terminate();
  }

  #forget(worker: Worker): void {
    if (this.#worker === worker) this.#worker = null;
  }
}

/** Calls back when the thread takes more of the processor's time than that, counted from now on. */
function onSpent(worker: Worker, msMax: number, isOver: () => void): NodeJS.Timeout | undefined {
  if (msMax === Number.POSITIVE_INFINITY || typeof worker.cpuUsage !== "function") return undefined; // Node 24.6
  const before = worker.cpuUsage();
  const look = async (): Promise<void> => {
    const { user, system } = await worker.cpuUsage(await before);
    if (user + system > msMax * 1_000) isOver();
  };
  const hasEnded = (): void => undefined; // whoever waits for its word is told
  before.catch(hasEnded);
  return setInterval(() => void look().catch(hasEnded), LOOK_MS).unref();
}

function notNow(): Problem {
  return new Problem(503, "Conditions cannot be compiled now. Try again in a second.");
}

// SPDX-License-Identifier: Apache-2.0
// The engine, on the main thread: starts policy workers, passes their alerts on, and watches them. No policy code runs on this
// thread, so it always answers. A worker that stays in one call longer than the budget is ended; the policy that had the word
// is to blame and rests, longer each time; a new worker takes the batch up where the old one was. Every batch is judged by
// every policy that is seated, once; what a resting policy misses is its own loss and is told.
import type { Worker } from "node:worker_threads";
import { wakeReaders } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { ContainerFacts } from "../wire/container.js";
import { WorkerControl } from "./control.js";
import type { Order, Report, Seat, WorkerStart } from "./messages.js";
import type { LoadedPolicy } from "./policy.js";
import { Quarantine } from "./quarantine.js";
import { startThread } from "./thread.js";
import { Watchdog } from "./watchdog.js";

export interface EngineHandlers {
  /** `stream`: the agent whose batch it was. */
  readonly onAlert: (alert: Alert, stream: number) => void;
  /** A policy trapped, overran its budget or could not start. */
  readonly onFault?: (error: VedetteError) => void;
  readonly onLog?: (policy: string, level: number, text: string) => void;
}

export interface EngineOptions extends EngineHandlers {
  readonly ring: SharedArrayBuffer;
  /** The ring's readers: one worker each. Policies are dealt out among them. */
  readonly readers: readonly number[];
  readonly policies: readonly LoadedPolicy[];
  /** Name of the host that a stream comes from. */
  readonly hostname?: (stream: number) => string;
  /** Longest time for one batch in one policy. */
  readonly budgetMs?: number;
}

/** Longest time for one batch in one policy, where nothing else is said. */
export const BUDGET_MS = 250;

/** One worker's place: what stays when the thread is replaced. */
interface Post {
  readonly reader: number;
  readonly control: WorkerControl;
  readonly seats: Map<number, Seat>;
  worker: Worker | null;
  /** The newest worker is ready. */
  starting: Promise<void>;
  isEnded: boolean;
}

export class Engine {
  readonly #options: EngineOptions;
  readonly #posts: Post[];
  readonly #quarantine: Quarantine;
  readonly #containers = new Map<number, ContainerFacts>();
  readonly #watchdog: Watchdog;
  /** Newest batch of which a policy's alerts were passed on, by policy id: a worker that was ended may have posted them already. */
  readonly #passed = new Map<number, number>();
  /** Why a seated policy could not start, until start() has looked. */
  readonly #faults: VedetteError[] = [];
  #isStopping = false;
  #isStarted = false;
  #finish: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  /** Resolves when the ring has ended and every batch was judged. */
  readonly finished: Promise<void>;

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.#posts = options.readers.map((reader) => ({
      reader,
      control: new WorkerControl(),
      seats: new Map(),
      worker: null,
      starting: Promise.resolve(),
      isEnded: false,
    }));
    for (const [id, policy] of options.policies.entries()) this.#postOf(id).seats.set(id, { id, policy });
    this.#quarantine = new Quarantine((id) => this.#comeBack(id));
    this.#watchdog = new Watchdog(options.budgetMs ?? BUDGET_MS, (post, id, epoch) =>
      this.#overrun(this.#posts[post] as Post, id, epoch),
    );
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.finished.catch(() => undefined);
  }

  /** Starts the workers; resolves when all policies are ready. Throws the first fault of a policy that could not start. */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    engine.#watchdog.watch(engine.#posts.map((post) => post.control));
    for (const post of engine.#posts) post.starting = engine.#spawn(post);
    for (const post of engine.#posts) await engine.#settled(post);
    engine.#isStarted = true;
    const fault = engine.#faults[0];
    if (fault === undefined) return engine;
    await engine.stop();
    throw fault;
  }

  /** A worker that was replaced while it started has a successor to wait for. */
  async #settled(post: Post): Promise<void> {
    for (let starting: Promise<void> | null = null; starting !== post.starting; ) {
      starting = post.starting;
      await starting;
    }
  }

  /** Ends the workers now. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#watchdog.stop();
    this.#quarantine.clear();
    await Promise.all(this.#posts.map((post) => post.worker?.terminate()));
    this.#finish();
  }

  #postOf(id: number): Post {
    return this.#posts[id % this.#posts.length] as Post;
  }

  /** Resolves when the worker is ready, or gone: then another was started in its place. */
  #spawn(post: Post): Promise<void> {
    const seats = [...post.seats.values()].filter(({ id }) => !this.#quarantine.has(id));
    const start: WorkerStart = {
      ring: this.#options.ring,
      reader: post.reader,
      control: post.control.memory,
      seats,
      containers: this.#containers,
    };
    const worker = startThread("./worker", { workerData: start });
    post.worker = worker;
    return new Promise((resolve, reject) => {
      let cause: unknown;
      worker.on("message", (report: Report) => {
        if (report.kind === "ready") resolve();
        this.#onReport(post, report);
      });
      worker.on("error", (error) => {
        cause = error;
      });
      worker.on("exit", () => {
        if (post.worker !== worker)
          resolve(); // replaced: its successor is waited for
        else
          this.#onGone(post, cause).then(resolve, (error) => {
            this.#fail(error);
            reject(error);
          });
      });
    });
  }

  #onReport(post: Post, report: Report): void {
    switch (report.kind) {
      case "ready":
        break;
      case "judged":
        this.#onJudged(report);
        break;
      case "seated":
        this.#onSeated(post, report.id, report.fault);
        break;
      case "trapped":
        this.#onTrapped(post, report);
        break;
      case "log":
        this.#options.onLog?.(this.#name(post, report.id), report.level, report.text);
        break;
      case "ended":
        post.isEnded = true;
        if (this.#posts.every((one) => one.isEnded)) void this.stop();
    }
  }

  #onJudged({ id, batch, stream, alerts }: Report & { kind: "judged" }): void {
    if ((this.#passed.get(id) ?? -1) >= batch) return;
    this.#passed.set(id, batch);
    const hostname = this.#options.hostname?.(stream) ?? "";
    for (const alert of alerts) this.#options.onAlert({ ...alert, hostname }, stream);
  }

  #onSeated(post: Post, id: number, reason: string | null): void {
    if (reason === null) return;
    this.#fault(new VedetteError("VEDETTE_POLICY_INIT", { policy: this.#name(post, id), reason }));
    this.#quarantine.add(id);
  }

  #onTrapped(post: Post, { id, event, reason, isBroken }: Report & { kind: "trapped" }): void {
    this.#fault(new VedetteError("VEDETTE_POLICY_TRAPPED", { policy: this.#name(post, id), event, reason }));
    if (isBroken) this.#quarantine.add(id);
  }

  /** The watchdog's: policy `id` has had the word since `epoch`, for too long. */
  #overrun(post: Post, id: number, epoch: number): void {
    const worker = post.worker;
    if (worker === null || this.#isStopping) return;
    post.worker = null; // its exit is ours to handle
    const wait = this.#quarantine.add(id);
    this.#fault(
      new VedetteError("VEDETTE_POLICY_OVERRUN", {
        policy: this.#name(post, id),
        budget: this.#watchdog.budgetMs,
        wait: wait / 1000,
      }),
    );
    post.starting = worker.terminate().then(() => {
      // It may have come back at the last moment: then another policy was called meanwhile, and judges the batch again.
      if (post.control.epoch === epoch) post.control.finish(id);
      if (post.control.running >= 0) post.control.leave();
      return this.#spawn(post);
    });
    post.starting.catch(this.#fail);
  }

  /** A worker that ended by itself: out of memory, or a bug of ours. Who had the word is blamed; nobody: we give up. */
  async #onGone(post: Post, cause: unknown): Promise<void> {
    post.worker = null;
    if (this.#isStopping || post.isEnded) return;
    const id = post.control.running;
    if (id < 0) throw cause ?? new Error("a policy worker ended without a reason");
    post.control.leave();
    post.control.finish(id);
    this.#quarantine.add(id);
    const reason = cause instanceof Error ? cause.message : "its worker ended";
    this.#fault(new VedetteError("VEDETTE_POLICY_TRAPPED", { policy: this.#name(post, id), event: "?", reason }));
    await this.#spawn(post);
  }

  /** A policy has rested long enough. */
  #comeBack(id: number): void {
    const post = this.#postOf(id);
    const seat = post.seats.get(id);
    if (seat !== undefined) this.#order(post, { kind: "seat", seat });
  }

  /** What the orchestrator says of the container that a stream comes from: known to every batch of it that arrives from now on. */
  setContainer(stream: number, facts: ContainerFacts | null): void {
    if (facts === null) this.#containers.delete(stream);
    else this.#containers.set(stream, facts);
    for (const post of this.#posts) this.#order(post, { kind: "container", stream, facts });
  }

  #order(post: Post, order: Order): void {
    post.worker?.postMessage(order);
    post.control.order();
    wakeReaders(this.#options.ring);
  }

  #fault(error: VedetteError): void {
    if (!this.#isStarted) this.#faults.push(error);
    else this.#options.onFault?.(error);
  }

  #name(post: Post, id: number): string {
    return post.seats.get(id)?.policy.name ?? `number ${id}`;
  }
}

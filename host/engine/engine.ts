// SPDX-License-Identifier: Apache-2.0
// The engine, on the main thread: starts policy workers, passes their alerts on, and watches them. No policy code runs on this
// thread, so it always answers. A worker that runs in one call for longer than the budget is ended; the policy that had the
// word is to blame and rests, longer each time; a new worker takes the batch up where the old one was. Every batch is judged by
// every policy that is seated, once; what a resting policy misses is its own loss and is told. Who comes back from a rest
// sits in a worker apart, so that it can delay only its like.
import { closeReader, openReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { ContainerFacts } from "../wire/container.js";
import type { WorkerControl } from "./control.js";
import type { Report, Seat } from "./messages.js";
import type { LoadedPolicy } from "./policy.js";
import { Post } from "./post.js";
import { Quarantine } from "./quarantine.js";
import { type PolicyTally, Tally } from "./tally.js";
import { Watchdog } from "./watchdog.js";

export interface EngineHandlers {
  /** `stream`: the agent whose batch it was, -1 where it was of no batch. */
  readonly onAlert: (alert: Alert, stream: number) => void;
  /** A policy trapped, overran its budget or could not start. */
  readonly onFault?: (error: VedetteError, policy: LoadedPolicy | null) => void;
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

/** How a seated policy does. */
export interface SeatStatus {
  readonly id: number;
  readonly policy: LoadedPolicy;
  readonly state: "judging" | "resting";
  readonly tally: PolicyTally;
  readonly lastError: string | null;
}

/** Longest time for one batch in one policy, where nothing else is said. */
export const BUDGET_MS = 100;

export class Engine {
  readonly #options: EngineOptions;
  readonly #posts: Post[] = [];
  /** Where each seated policy sits. */
  readonly #homes = new Map<number, Post>();
  readonly #quarantine: Quarantine;
  readonly #containers = new Map<number, ContainerFacts>();
  readonly #watchdog: Watchdog;
  /** Newest batch of which a policy's alerts were passed on, by policy id: a worker that was ended may have posted them already. */
  readonly #passed = new Map<number, number>();
  readonly #errors = new Map<number, VedetteError>();
  /** Why a policy could not start, until start() has looked. */
  readonly #faults: VedetteError[] = [];
  #nextId = 0;
  #apart: Post | null = null;
  #isStopping = false;
  #isStarted = false;
  #finish: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  /** Resolves when the ring has ended and every batch was judged. */
  readonly finished: Promise<void>;

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.finished.catch(() => undefined);
    this.#quarantine = new Quarantine((id) => void this.#comeBack(id));
    this.#watchdog = new Watchdog(options.budgetMs ?? BUDGET_MS, (control, id, epoch) =>
      this.#overrun(control, id, epoch),
    );
    for (const reader of options.readers) this.#addPost(reader);
    for (const policy of options.policies) {
      const post = this.#emptiest();
      const seat = this.#seat(policy);
      post.seats.set(seat.id, seat);
      this.#homes.set(seat.id, post);
    }
  }

  /** Starts the workers; resolves when all policies are ready. Throws the first fault of a policy that could not start. */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    try {
      for (const post of engine.#posts) void post.start(engine.#containers, engine.#isFit).catch(engine.#fail);
      for (const post of engine.#posts) await post.ready();
      engine.#isStarted = true;
      const fault = engine.#faults[0];
      if (fault !== undefined) throw fault;
      return engine;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  /** Ends the workers now. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#watchdog.stop();
    this.#quarantine.clear();
    await Promise.all(this.#posts.map((post) => post.stop()));
    this.#finish();
  }

  /** Seats a policy: it judges from the next batch on. Gives its id; throws when it cannot start. */
  async add(policy: LoadedPolicy): Promise<number> {
    return this.#swap(null, policy, this.#emptiest());
  }

  /** Puts a policy in the place of another: every batch is judged by exactly one of them. Gives the new id. */
  async replace(id: number, policy: LoadedPolicy): Promise<number> {
    return this.#swap(id, policy, this.#homes.get(id) ?? this.#emptiest());
  }

  async remove(id: number): Promise<void> {
    const post = this.#homes.get(id);
    if (post === undefined || this.#isStopping) return;
    await post.swap(id, null);
    this.#forget(id);
  }

  /** What the orchestrator says of the container that a stream comes from: known to every batch of it that arrives from now on. */
  setContainer(stream: number, facts: ContainerFacts | null): void {
    if (facts === null) this.#containers.delete(stream);
    else this.#containers.set(stream, facts);
    for (const post of this.#posts) post.send({ kind: "container", stream, facts });
  }

  /** What was told of the streams' containers. */
  get containers(): ReadonlyMap<number, ContainerFacts> {
    return this.#containers;
  }

  /** All seated policies, in the order in which they judge. */
  status(): SeatStatus[] {
    const seats = [...this.#homes].flatMap(([id, post]) => post.seats.get(id) ?? []);
    return seats
      .sort((a, b) => a.id - b.id)
      .map(({ id, policy, tally }) => ({
        id,
        policy,
        state: this.#quarantine.has(id) ? "resting" : "judging",
        tally: new Tally(tally).read(),
        lastError: this.#errors.get(id)?.message ?? null,
      }));
  }

  async #swap(out: number | null, policy: LoadedPolicy, post: Post): Promise<number> {
    const refused = (reason: string): VedetteError =>
      new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason });
    if (this.#isStopping) throw refused("the engine has ended");
    const old = out === null ? undefined : post.seats.get(out);
    const keep = old !== undefined && old.policy.state === policy.state ? old.keep : null;
    const seat = { ...this.#seat(policy), keep };
    this.#homes.set(seat.id, post);
    const fault = await post.swap(out, seat);
    if (fault === null) {
      if (out !== null) this.#forget(out);
      return seat.id;
    }
    this.#homes.delete(seat.id);
    throw refused(fault);
  }

  #seat(policy: LoadedPolicy): Seat {
    return { id: this.#nextId++, policy, tally: new Tally().memory, keep: null };
  }

  #forget(id: number): void {
    this.#homes.delete(id);
    this.#passed.delete(id);
    this.#errors.delete(id);
    this.#quarantine.forget(id);
  }

  #addPost(reader: number): Post {
    const post = new Post(this.#options.ring, reader, {
      onReport: (one, report) => this.#onReport(one, report),
      onGone: (one, cause) => this.#onGone(one, cause),
    });
    this.#posts.push(post);
    this.#watchdog.watch(post.control);
    return post;
  }

  /** Where the next policy goes. */
  #emptiest(): Post {
    const open = this.#posts.filter((post) => post !== this.#apart);
    return open.reduce((least, post) => (post.seats.size < least.seats.size ? post : least), open[0] as Post);
  }

  readonly #isFit = (id: number): boolean => !this.#quarantine.has(id);

  #onReport(post: Post, report: Report): void {
    switch (report.kind) {
      case "ready":
        break;
      case "judged":
        this.#onJudged(report);
        break;
      case "seated":
        this.#onSeated(post, report);
        break;
      case "swapped":
        post.confirm(report);
        break;
      case "trapped":
        this.#fault(report.id, "VEDETTE_POLICY_TRAPPED", { event: report.event, reason: report.reason });
        if (report.isBroken) this.#quarantine.add(report.id);
        break;
      case "overspent":
        this.#rest(report.id);
        break;
      case "log":
        this.#options.onLog?.(this.#policy(report.id)?.name ?? "", report.level, report.text);
        break;
      case "ended":
        post.isEnded = true;
        if (this.#posts.every((one) => one.isEnded)) void this.stop();
    }
  }

  #onJudged({ id, batch, stream, alerts }: Report & { kind: "judged" }): void {
    if (stream >= 0 && (this.#passed.get(id) ?? -1) >= batch) return;
    this.#passed.set(id, batch);
    const hostname = this.#options.hostname?.(stream) ?? "";
    for (const alert of alerts) this.#options.onAlert({ ...alert, hostname }, stream);
  }

  #onSeated(post: Post, { id, fault, keep }: Report & { kind: "seated" }): void {
    const seat = post.seats.get(id);
    if (seat !== undefined) post.seats.set(id, { ...seat, keep });
    if (fault === null) return;
    this.#fault(id, "VEDETTE_POLICY_INIT", { reason: fault });
    this.#quarantine.add(id);
  }

  /** The watchdog's: policy `id` has had the word since `epoch`, for too long. */
  #overrun(control: WorkerControl, id: number, epoch: number): void {
    const post = this.#posts.find((one) => one.control === control);
    if (post === undefined || !post.isRunning || this.#isStopping) return;
    // One that was to come and does not get ready has no seat to lose.
    if (!post.abandon(id, `its init took longer than ${this.#watchdog.budgetMs} ms`)) this.#rest(id);
    const mend = (): void => {
      // It may have come back at the last moment: then another policy was called meanwhile, and judges the batch again.
      if (control.epoch === epoch && post.seats.has(id)) control.finish(id);
      if (control.running >= 0) control.leave();
    };
    post.replace(this.#containers, this.#isFit, mend).catch(this.#fail);
  }

  #rest(id: number): void {
    const wait = this.#quarantine.add(id);
    this.#fault(id, "VEDETTE_POLICY_OVERRUN", { budget: this.#watchdog.budgetMs, wait: wait / 1000 });
  }

  /** A worker that ended by itself: out of memory, or a bug of ours. Who had the word is blamed; nobody: we give up. */
  async #onGone(post: Post, cause: unknown): Promise<void> {
    if (this.#isStopping || post.isEnded) return;
    const id = post.control.running;
    const reason = cause instanceof Error ? cause.message : "its worker ended";
    if (id < 0) {
      this.#fail(cause ?? new Error("a policy worker ended without a reason"));
      throw cause;
    }
    post.control.leave();
    if (!post.abandon(id, reason)) {
      post.control.finish(id);
      this.#fault(id, "VEDETTE_POLICY_TRAPPED", { event: "?", reason });
      this.#quarantine.add(id);
    }
    await post.start(this.#containers, this.#isFit);
  }

  /** A policy has rested long enough: it sits down again, apart from those that never had to. */
  async #comeBack(id: number): Promise<void> {
    const home = this.#homes.get(id);
    const seat = home?.seats.get(id);
    if (home === undefined || seat === undefined || this.#isStopping || home.isEnded) return;
    const apart = this.#postApart() ?? home;
    this.#homes.set(id, apart);
    if (apart !== home) home.seats.delete(id);
    const fault = await apart.swap(null, seat);
    if (fault === null || this.#isStopping) return;
    apart.seats.set(id, seat);
    this.#fault(id, "VEDETTE_POLICY_INIT", { reason: fault });
    this.#quarantine.add(id);
  }

  /** The worker for those; null when the ring has no place for another reader. */
  #postApart(): Post | null {
    if (this.#apart !== null && !this.#apart.isEnded) return this.#apart;
    try {
      const reader = openReader(this.#options.ring);
      const post = this.#addPost(reader);
      this.#apart = post;
      post.start(this.#containers, this.#isFit).catch((error) => {
        closeReader(this.#options.ring, reader);
        this.#fail(error);
      });
      return post;
    } catch {
      return null;
    }
  }

  #fault(
    id: number,
    code: "VEDETTE_POLICY_INIT" | "VEDETTE_POLICY_TRAPPED" | "VEDETTE_POLICY_OVERRUN",
    values: Readonly<Record<string, string | number>>,
  ): void {
    const policy = this.#policy(id);
    const error = new VedetteError(code, { policy: policy?.name ?? `number ${id}`, ...values });
    this.#errors.set(id, error);
    if (!this.#isStarted) this.#faults.push(error);
    else this.#options.onFault?.(error, policy);
  }

  #policy(id: number): LoadedPolicy | null {
    return this.#homes.get(id)?.seats.get(id)?.policy ?? null;
  }
}

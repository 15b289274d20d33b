// SPDX-License-Identifier: Apache-2.0
// The engine, on the main thread: starts policy workers, passes their alerts on, and watches them. No policy
// code runs on this thread, so it always answers. It ends a worker that stays in one call for longer than the
// budget. The policy that was called is to blame and rests, longer each time. A new worker takes the batch up
// where the old one was. Every seated policy judges every batch once. A resting policy misses batches, and
// the engine reports how many. A tenant that took too long is judged by the slow worker from then on
// (placement.ts), for which nobody waits.
import { headOf, openReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { Measured } from "../wasm/metrics-region.js";
import type { BusSubject } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { Behind } from "./behind.js";
import type { WorkerControl } from "./control.js";
import type { ToldFacts } from "./fact.js";
import { type KeptState, StateKeep } from "./keep.js";
import type { KeptLimits } from "./kept-limits.js";
import type { LimitTime } from "./limiter.js";
import type { Report, Seat } from "./messages.js";
import { moveOwner } from "./move.js";
import { type Owner, Placement } from "./placement.js";
import type { LoadedPolicy } from "./policy.js";
import { Post } from "./post.js";
import { Progress } from "./progress.js";
import { Quarantine } from "./quarantine.js";
import { type PolicyTally, Tally } from "./tally.js";
import { Watchdog } from "./watchdog.js";

/** What the engine tells, on the main thread. */
export interface EngineHandlers {
  /**
   * `stream`: the agent whose batch it was, -1 where it was of no batch. A policy's alerts come in the order
   * of its events; those of policies that one worker judges, batch by batch in the order in which the
   * policies were seated; between workers there is no order.
   */
  readonly onAlert: (alert: Alert, stream: number) => void;
  /** A policy trapped, overran its budget or could not start. */
  readonly onFault?: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onLog?: (policy: string, level: number, text: string) => void;
  /** A policy told facts of a stream's batch. A batch that is judged again is told of again. */
  readonly onFacts?: (policy: LoadedPolicy, told: ToldFacts, stream: number) => void;
  /** What a policy has measured since the last time. */
  readonly onMeasured?: (policy: LoadedPolicy, measured: Measured) => void;
  /** What a policy measured since the last time is gone with its worker: at most a second's. */
  readonly onUnmeasured?: (policy: LoadedPolicy) => void;
  /** It begins with no state, though there was one: that was of another form, or meant something else. */
  readonly onCold?: (policy: LoadedPolicy) => void;
}

/** What the engine needs from its start. `budgetMs` is in milliseconds, 100 by default. */
export interface EngineOptions extends EngineHandlers {
  readonly ring: SharedArrayBuffer;
  /** The ring's readers: one worker each. Tenants are dealt out among them. */
  readonly readers: readonly number[];
  readonly policies: readonly LoadedPolicy[];
  /** Name of the host that a stream comes from. */
  readonly hostname?: (stream: number) => string;
  /** Longest time for one batch in one policy. */
  readonly budgetMs?: number;
  /**
   * What is judged was recorded: limits go by its time, and there is no slow worker, which could miss some of
   * it.
   */
  readonly isReplay?: boolean;
  /** By which time limits are kept: by default by the events' in a replay, else by the host's. */
  readonly limits?: LimitTime;
  /**
   * What a policy that is there from the start begins with, if it is of its form; undefined, null:
   * nothing.
   */
  readonly kept?: (policy: LoadedPolicy) => Kept | null;
}

/** What was kept of a policy that judged elsewhere. Null: nothing. */
export interface Kept {
  readonly state: KeptState | null;
  readonly limits: KeptLimits | null;
}

/** The state of a seated policy. */
export interface SeatStatus {
  readonly id: number;
  readonly policy: LoadedPolicy;
  readonly state: "judging" | "slow" | "resting";
  readonly tally: PolicyTally;
  readonly lastError: string | null;
}

/** Longest time for one batch in one policy, where nothing else is said. */
export const BUDGET_MS = 100;
const WARNING = 2;

/** The workers and everything that watches them. Make it with Engine.start(). */
export class Engine {
  readonly #options: EngineOptions;
  readonly #placement = new Placement();
  readonly #quarantine: Quarantine;
  readonly #streams = { containers: new Map<number, ContainerFacts>(), subjects: new Map<number, BusSubject>() };
  readonly #watchdog: Watchdog;
  readonly #progress: Progress;
  /**
   * The batch of which a policy's alerts were passed on last: a worker that was ended may have posted them
   * already.
   */
  readonly #passed = new Map<number, { readonly post: Post; readonly batch: number }>();
  readonly #errors = new Map<number, VedetteError>();
  /** Why a policy could not start, until start() has looked. */
  readonly #faults: VedetteError[] = [];
  /** Policies come, go and move one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #nextId = 0;
  readonly #behind: Behind;
  #isStopping = false;
  #isStarted = false;
  #finish: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  /** Resolves when the ring has ended and every batch was judged. */
  readonly finished: Promise<void>;

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.#behind = new Behind((error, policy) => options.onFault?.(error, policy));
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.finished.catch(() => undefined);
    this.#quarantine = new Quarantine((id) => void this.#next(() => this.#comeBack(id)).catch(this.#fail));
    this.#watchdog = new Watchdog(options.budgetMs ?? BUDGET_MS, (control, id, epoch) =>
      this.#overrun(control, id, epoch),
    );
    this.#progress = new Progress(options.ring, options.readers);
    for (const reader of options.readers) this.#placement.ordinary.push(this.#newPost(reader, false));
    for (const policy of options.policies) {
      const owner = this.#placement.owner(policy);
      const kept = options.kept?.(policy) ?? null;
      const seat = { ...this.#seat(policy, owner), ...seatedWith(kept) };
      const post = this.#placement.of(owner);
      post.seats.set(seat.id, seat);
      this.#placement.homes.set(seat.id, post);
    }
  }

  /**
   * Starts the workers; resolves when all policies are ready. Throws the first fault of a policy that could
   * not start.
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    const { posts } = engine.#placement;
    try {
      for (const post of posts) void post.start(engine.#streams, engine.#isFit).catch(engine.#fail);
      for (const post of posts) await post.ready();
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
    await Promise.all(this.#placement.posts.map((post) => post.stop()));
    this.#behind.tell();
    this.#finish();
  }

  /**
   * Resolves when all that is in the ring now was judged, and its alerts were passed on. Where nothing comes
   * meanwhile, states() is what that left.
   */
  async settled(): Promise<void> {
    const head = headOf(this.#options.ring);
    await Promise.all(this.#placement.posts.map((post) => post.leave([], head)));
  }

  /** What each policy has kept. Its memory is the caller's. */
  states(): { readonly policy: LoadedPolicy; readonly state: KeptState }[] {
    return this.#placement.posts.flatMap((post) =>
      [...post.seats.values()].flatMap(({ policy, keep }) => {
        const state = keep === null ? null : new StateKeep(keep).state;
        return state === null ? [] : [{ policy, state }];
      }),
    );
  }

  /** What is used up of each policy's limits: to be asked where states() is. */
  async limits(): Promise<{ readonly policy: LoadedPolicy; readonly limits: KeptLimits }[]> {
    const all = await Promise.all(this.#placement.posts.map(async (post) => ({ post, of: await post.limits() })));
    return all.flatMap(({ post, of }) =>
      [...of].flatMap(([id, limits]) => {
        const policy = post.seats.get(id)?.policy;
        return policy === undefined ? [] : [{ policy, limits }];
      }),
    );
  }

  /**
   * Seats a policy: it judges from the next batch on. It begins with what was kept of it, if that is of its
   * form. Gives its id; throws when it cannot start.
   */
  add(policy: LoadedPolicy, kept: Kept | null = null): Promise<number> {
    return this.#next(() => this.#swap(null, policy, seatedWith(kept)));
  }

  /**
   * Puts a policy in the place of another: every batch is judged by exactly one of them. Gives the new id.
   */
  replace(id: number, policy: LoadedPolicy): Promise<number> {
    return this.#next(() => this.#swap(id, policy));
  }

  remove(id: number): Promise<void> {
    return this.#next(async () => {
      const post = this.#placement.homes.get(id);
      if (post === undefined || this.#isStopping) return;
      await post.swap(id, null);
      this.#forget(id);
    });
  }

  /**
   * What the orchestrator says of the container that a stream comes from: known to every batch of it that
   * arrives from now on.
   */
  setContainer(stream: number, facts: ContainerFacts | null): void {
    const { containers } = this.#streams;
    if (facts === null) containers.delete(stream);
    else containers.set(stream, facts);
    for (const post of this.#placement.posts) post.send({ kind: "container", stream, facts });
  }

  /**
   * Under which subject of a bus a stream comes: known to every batch of it that arrives from now on. It
   * stays the same until the stream is over, which null says.
   */
  setSubject(stream: number, subject: BusSubject | null): void {
    const { subjects } = this.#streams;
    if (subject === null) subjects.delete(stream);
    else subjects.set(stream, subject);
    for (const post of this.#placement.posts) post.send({ kind: "subject", stream, subject });
  }

  /** What the orchestrator has said of the streams' containers. */
  get containers(): ReadonlyMap<number, ContainerFacts> {
    return this.#streams.containers;
  }

  /**
   * The workers, without the slow one, and how many of them do not move. To be asked several times a second.
   */
  workers(): { count: number; stuck: number } {
    return { count: this.#placement.ordinary.length, stuck: this.#progress.stuck() };
  }

  /** Where the workers stand that have not ended: another answer as long as they get on. */
  get pace(): string {
    return this.#placement.posts.flatMap((post) => (post.isEnded ? [] : [post.position])).join();
  }

  /** All seated policies, in the order in which they were seated. */
  status(): SeatStatus[] {
    const seats = [...this.#placement.homes].flatMap(([id, post]) => {
      const seat = post.seats.get(id);
      return seat === undefined ? [] : [{ ...seat, isSlow: post.isSlow }];
    });
    return seats
      .sort((a, b) => a.id - b.id)
      .map(({ id, policy, tally, isSlow }) => ({
        id,
        policy,
        state: this.#quarantine.has(id) ? "resting" : isSlow ? "slow" : "judging",
        tally: new Tally(tally).read(),
        lastError: this.#errors.get(id)?.message ?? null,
      }));
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#work.then(step);
    this.#work = result.catch(() => undefined);
    return result;
  }

  async #swap(out: number | null, policy: LoadedPolicy, kept = seatedWith(null)): Promise<number> {
    const refused = (reason: string): VedetteError =>
      new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason });
    if (this.#isStopping) throw refused("the engine has ended");
    const owner = this.#placement.owner(policy);
    const post = (out === null ? undefined : this.#placement.homes.get(out)) ?? this.#placement.of(owner);
    const old = out === null ? undefined : post.seats.get(out);
    const before = kept.keep ?? old?.keep ?? null;
    const isAsBefore = old === undefined || old.policy.state === policy.state;
    const seat = { ...this.#seat(policy, owner), keep: isAsBefore ? before : null, limits: kept.limits };
    this.#placement.homes.set(seat.id, post);
    const fault = await post.swap(out, seat);
    if (fault === null) {
      if (out !== null) this.#forget(out);
      const now = post.seats.get(seat.id)?.keep ?? null;
      if (before !== null && (!isAsBefore || new StateKeep(before).isLeftBy(now))) this.#options.onCold?.(policy);
      return seat.id;
    }
    this.#placement.homes.delete(seat.id);
    throw refused(fault);
  }

  #seat(policy: LoadedPolicy, { account }: Owner): Seat {
    const tally = new Tally().memory;
    return { id: this.#nextId++, policy, tally, account: account.memory, keep: null, from: null, limits: null };
  }

  #forget(id: number): void {
    this.#placement.homes.delete(id);
    this.#passed.delete(id);
    this.#errors.delete(id);
    this.#quarantine.forget(id);
  }

  #newPost(reader: number, isSlow: boolean): Post {
    const { ring, isReplay = false, limits = isReplay ? "event" : "host" } = this.#options;
    const post = new Post({
      ring,
      reader,
      isSlow,
      isReplay,
      limits,
      budgetMs: this.#watchdog.budgetMs,
      onReport: (one, report) => this.#onReport(one, report),
      onGone: (one, cause) => this.#onGone(one, cause),
    });
    this.#watchdog.watch(post.control);
    return post;
  }

  readonly #isFit = (id: number): boolean => !this.#quarantine.has(id);

  #onReport(post: Post, report: Report): void {
    switch (report.kind) {
      case "ready":
        break;
      case "judged":
        this.#onJudged(post, report);
        break;
      case "seated":
        this.#onSeated(post, report);
        break;
      case "done":
        post.confirm(report);
        break;
      case "trapped":
        this.#fault(report.id, "VEDETTE_POLICY_TRAPPED", { event: report.event, reason: report.reason });
        if (report.isBroken) this.#quarantine.add(report.id);
        break;
      case "overspent":
        this.#onOverspent(report.id);
        break;
      case "heavy":
        this.#slowDown(report.id);
        break;
      case "skipped": {
        const tenant = this.#placement.policy(report.id)?.tenancy?.tenant ?? "";
        const { budgetMs: budget } = this.#watchdog;
        this.#fault(report.id, "VEDETTE_TENANT_OVERRUN", { tenant, budget, count: report.count, event: report.event });
        break;
      }
      case "behind":
        this.#onBehind(report);
        break;
      case "log":
        this.#options.onLog?.(this.#placement.policy(report.id)?.name ?? "", report.level, report.text);
        break;
      case "told": {
        const policy = this.#placement.policy(report.id);
        if (policy !== null) this.#options.onFacts?.(policy, report.told, report.stream);
        break;
      }
      case "measured": {
        const policy = this.#placement.policy(report.id);
        if (policy !== null) this.#options.onMeasured?.(policy, report.measured);
        break;
      }
      case "ended":
        post.end();
        if (this.#placement.posts.every((one) => one.isEnded)) void this.stop();
    }
  }

  #onJudged(post: Post, { id, batch, stream, alerts }: Report & { kind: "judged" }): void {
    const passed = this.#passed.get(id);
    if (stream >= 0 && passed?.post === post && passed.batch === batch) return;
    if (stream >= 0) this.#passed.set(id, { post, batch });
    const hostname = this.#options.hostname?.(stream) ?? "";
    for (const alert of alerts) this.#options.onAlert({ ...alert, hostname }, stream);
  }

  #onBehind({ id, batches }: Report & { kind: "behind" }): void {
    const policy = this.#placement.policy(id);
    if (policy === null) return;
    this.#behind.add(this.#placement.owner(policy).key, policy, batches);
  }

  #onSeated(post: Post, { id, fault, keep }: Report & { kind: "seated" }): void {
    const seat = post.seats.get(id);
    if (seat !== undefined) {
      post.seats.set(id, { ...seat, keep });
      if (fault === null && seat.keep !== null && new StateKeep(seat.keep).isLeftBy(keep))
        this.#options.onCold?.(seat.policy);
    }
    if (fault !== null) this.#cannotStart(id, fault);
  }

  #cannotStart(id: number, reason: string): void {
    if (this.#isStopping) return;
    this.#fault(id, "VEDETTE_POLICY_INIT", { reason });
    this.#quarantine.add(id);
  }

  /** The watchdog's: policy `id` has had the word since `epoch`, for too long. */
  #overrun(control: WorkerControl, id: number, epoch: number): void {
    const post = this.#placement.posts.find((one) => one.control === control);
    if (post === undefined || !post.isRunning || this.#isStopping) return;
    const { budgetMs: budget } = this.#watchdog;
    this.#tellUnmeasured(post);
    // One that was to come and does not get ready has no seat to lose.
    if (!post.abandon(id, `its init took longer than ${budget} ms`)) {
      const policy = this.#placement.policy(id);
      if (policy !== null) this.#placement.owner(policy).account.settleEnded(control.position, budget * 1e6);
      this.#fault(id, "VEDETTE_POLICY_OVERRUN", { budget, wait: this.#quarantine.add(id) / 1000 });
      this.#slowDown(id);
    }
    const mend = (): void => {
      // It may have come back at the last moment: then another policy was called meanwhile, and judges the
      // batch again.
      if (control.epoch === epoch && post.seats.has(id)) control.finish(id);
      if (control.running >= 0) control.leave();
    };
    post.replace(this.#streams, this.#isFit, mend).catch(this.#fail);
  }

  #onOverspent(id: number): void {
    const wait = this.#quarantine.add(id) / 1000;
    const tenant = this.#placement.policy(id)?.tenancy?.tenant;
    if (tenant === undefined) this.#fault(id, "VEDETTE_POLICY_OVERSPENT", { wait });
    else this.#fault(id, "VEDETTE_TENANT_OVERSPENT", { tenant, wait });
    this.#slowDown(id);
  }

  /**
   * The owner of this policy goes to the slow worker: a tenant that takes much, and whoever took too much.
   */
  #slowDown(id: number): void {
    const policy = this.#placement.policy(id);
    if (policy === null || this.#isStopping) return;
    const owner = this.#placement.owner(policy);
    const mayGo = owner.tenant !== null || this.#quarantine.has(id);
    if (owner.isSlow || !mayGo || this.#placement.isAlone(owner)) return;
    const slow = this.#slowPost();
    if (slow === null) return;
    owner.isSlow = true;
    const whose = owner.tenant === null ? "it is" : `all policies of the tenant ${owner.tenant} are`;
    this.#options.onLog?.(policy.name, WARNING, `${whose} judged by the slow worker now, for the time they take`);
    const options = {
      placement: this.#placement,
      isResting: (one: number) => this.#quarantine.has(one),
      onFault: (one: number, reason: string) => this.#cannotStart(one, reason),
    };
    this.#next(() => moveOwner(owner, slow, options)).catch(this.#fail);
  }

  /**
   * A worker ended by itself: out of memory, or a bug of ours. The policy that it called is blamed; without
   * one we give up.
   */
  async #onGone(post: Post, cause: unknown): Promise<void> {
    if (this.#isStopping || post.isEnded) return;
    const id = post.control.running;
    const reason = cause instanceof Error ? cause.message : "its worker ended";
    if (id < 0) {
      this.#fail(cause ?? new Error("a policy worker ended without a reason"));
      throw cause;
    }
    post.control.leave();
    this.#tellUnmeasured(post);
    if (!post.abandon(id, reason)) {
      post.control.finish(id);
      this.#fault(id, "VEDETTE_POLICY_TRAPPED", { event: "?", reason });
      this.#quarantine.add(id);
    }
    await post.start(this.#streams, this.#isFit);
  }

  /** A policy has rested long enough: it sits down again. */
  async #comeBack(id: number): Promise<void> {
    const home = this.#placement.homes.get(id);
    const seat = home?.seats.get(id);
    if (home === undefined || seat === undefined || this.#isStopping || home.isEnded) return;
    const fault = await home.swap(null, { ...seat, from: null });
    if (fault !== null && !home.isEnded) this.#cannotStart(id, fault);
  }

  /** The slow worker; null when there can be none. */
  #slowPost(): Post | null {
    const { isReplay = false, ring } = this.#options;
    if (this.#placement.slow !== null || isReplay) return this.#placement.slow;
    try {
      const post = this.#newPost(openReader(ring, false), true);
      this.#placement.slow = post;
      post.start(this.#streams, this.#isFit).catch(this.#fail);
      return post;
    } catch {
      return null; // the ring has no place for another reader
    }
  }

  #tellUnmeasured(post: Post): void {
    for (const { policy } of post.seats.values())
      if ((policy.admitted.metadata.metrics ?? []).length > 0) this.#options.onUnmeasured?.(policy);
  }

  #fault(
    id: number,
    code: Extract<VedetteError["code"], `VEDETTE_POLICY_${string}` | `VEDETTE_TENANT_${string}`>,
    values: Readonly<Record<string, string | number>>,
  ): void {
    const policy = this.#placement.policy(id);
    const error = new VedetteError(code, { policy: policy?.name ?? `number ${id}`, ...values });
    this.#errors.set(id, error);
    if (!this.#isStarted) this.#faults.push(error);
    else this.#options.onFault?.(error, policy);
  }
}

function seatedWith(kept: Kept | null): Pick<Seat, "keep" | "limits"> {
  const { state = null, limits = null } = kept ?? {};
  return { keep: state === null ? null : StateKeep.with(state).memory, limits };
}

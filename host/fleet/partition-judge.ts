// SPDX-License-Identifier: Apache-2.0
// Judges one partition, as long as this host owns it: reads its stream in order, gives batches to an engine
// of its own, and keeps the position and what policies remember together, so that another host goes on
// exactly there. Read aloud:
//
//   claim the row - start the engine with its memories - read from the position on - ... - commit each few seconds
//   commit: all that was given was judged - the store has its findings - the object is there - the row points to it
//
// After a commit nothing before it is read again. What was judged after the last commit is judged again by
// the next owner, with the same names of findings, so that the store has each once. The row is written by
// compare-and-set: who lost the partition knows an old revision, and nothing of it counts.
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "../engine/engine.js";
import type { ToldFacts } from "../engine/fact.js";
import { Feed } from "../engine/feed.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { withFacts } from "../output/alert-facts.js";
import { reasonOf } from "../reason.js";
import { findingLine } from "../store/lines.js";
import type { Batch } from "../wire/batch.js";
import { Bell } from "./bell.js";
import type { Bus, BusMessage, StreamEdges } from "./bus.js";
import { COMMIT, type CommitTiming } from "./commit-timing.js";
import type { FactWriter } from "./fact-writer.js";
import type { FindingWriter } from "./finding-writer.js";
import { keptIn, limitsOf, memoriesOf, withoutUntold } from "./memories.js";
import { PartitionRow } from "./partition-row.js";
import type { PoolCounts } from "./pool-counts.js";
import { Positions } from "./positions.js";
import type { PolicyLimits } from "./snapshot.js";
import type { Snapshots } from "./snapshots.js";
import type { Intake, Stage } from "./stage.js";
import { Streams } from "./streams.js";
import { DEAD_STREAM, deadSubject, tokensOf } from "./subject.js";
import type { TenantHouse } from "./tenant-house.js";
import { Turns } from "./turns.js";

/** One partition, and what its host has for all. */
export interface PartitionOptions {
  /** What it holds. */
  readonly stage: Stage;
  /** Its number among those of its stage. */
  readonly partition: number;
  /** The lease's. */
  readonly epoch: number;
  /** Whether the partition is surely this host's at this moment. */
  readonly holds: () => boolean;
  readonly bus: Bus;
  readonly snapshots: Snapshots;
  readonly findings: FindingWriter;
  /** Where facts go that policies tell; undefined: nowhere. */
  readonly facts?: FactWriter;
  /** The operator's own. */
  readonly policies: readonly LoadedPolicy[];
  /** Where the tenants' policies are; undefined: there are none. */
  readonly tenants?: TenantHouse;
  /** Of streams that it makes: how many servers keep them (1). */
  readonly replicas?: number;
  readonly counts: PoolCounts;
  /** Of the host's partitions; it may be left out where there is one. */
  readonly turns?: Turns;
  readonly say: (line: string) => void;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  /** Of a tenant's policy. It may come a second time after a hand-over. */
  readonly onTenantAlert?: (alert: Alert) => void;
  readonly commit?: CommitTiming;
}

/** How an end came. `failed`: the engine cannot go on, which is this host's end. */
export type PartitionEnd = "returned" | "lost";

const RETRY_MS = 200;
const RETRY_MS_MAX = 5_000;
/** How often it is looked whether there is a stream. */
const NOBODY_MS = 1_000;
const RING_BYTES = 4 << 20;
/** Findings that may wait for the store while blocks are read. */
const WAITING_MAX = 5_000;
/** Bytes of facts that may wait for the bus. */
const WAITING_BYTES_MAX = 8 << 20;
/** So many messages are judged one by one then. */
const CAREFUL_MESSAGES = 256;

/** One partition of this host's. run() does all; giveBack() and drop() end it. */
export class PartitionJudge {
  readonly #options: PartitionOptions;
  readonly #stream: string;
  /** As it is called to people. */
  readonly #name: string;
  readonly #commit: CommitTiming;
  readonly #feed = new Feed(RING_BYTES);
  readonly #told = new Set<string>();
  readonly #turns: Turns;
  /** Nothing more is read. */
  readonly #reading = new AbortController();
  /** Nothing more is written: the partition is not ours any more. */
  readonly #writing = new AbortController();
  #streams!: Streams;
  #positions = new Positions();
  readonly #row: PartitionRow;
  #engine!: Engine;
  #failure: unknown = null;
  /** Number of the last message that is dealt with. */
  #seq = 0;
  /** Number of the last message that the stream had when reading began. */
  #last = 0;
  #bytes = 0;
  #committedAt = performance.now();
  #careful = 0;
  #lag = { blocks: 0, since: 0 };
  #end: Promise<PartitionEnd> | null = null;

  constructor(options: PartitionOptions) {
    this.#options = options;
    const { stage } = options;
    this.#stream = stage.stream(options.partition).name;
    this.#name = `partition ${options.partition}${stage.holds === "facts" ? " of facts" : ""}`;
    this.#commit = options.commit ?? COMMIT;
    const { partition, epoch, snapshots, turns = new Turns() } = options;
    this.#turns = turns;
    this.#row = new PartitionRow({
      ...{ partition, name: this.#name, epoch, snapshots, signal: this.#writing.signal },
      isLost: () => this.#isLost(),
      onFenced: () => this.drop(),
      tell: (what, why) => this.#tell(what, why),
    });
  }

  /** Blocks behind the one that was judged last, and how old that is, s; 0: none is. */
  get lag(): { readonly blocks: number; readonly seconds: number } {
    const { blocks, since } = this.#lag;
    return { blocks, seconds: blocks === 0 ? 0 : Math.max(0, (Date.now() - since) / 1000) };
  }

  /** Until it is ended. Throws what ends the host: its engine failed. */
  run(): Promise<PartitionEnd> {
    this.#end ??= this.#run();
    return this.#end;
  }

  /** Commits, within so many ms, and ends. */
  async giveBack(ms: number): Promise<void> {
    this.#reading.abort();
    const late = setTimeout(() => this.#writing.abort(), ms);
    await this.#end?.catch(() => undefined);
    clearTimeout(late);
  }

  /** It is not ours any more. */
  drop(): void {
    this.#writing.abort();
    this.#reading.abort();
  }

  async #run(): Promise<PartitionEnd> {
    const { stage } = this.#options;
    try {
      // Where nobody tells facts there is no engine for them.
      if (!stage.makesStream && !(await this.#isThere())) return this.#isLost() ? "lost" : "returned";
      const begun = performance.now();
      if (!(await this.#row.claim())) return "lost";
      await this.#start();
      this.#options.counts.handOver((performance.now() - begun) / 1000);
      await this.#readInTurns();
      if (this.#isLost()) return "lost";
      await this.#finish();
      return this.#isLost() ? "lost" : "returned";
    } finally {
      this.#leave();
      await this.#engine?.stop();
    }
  }

  /** Waits until something came into the stream. False: it was ended before. */
  async #isThere(): Promise<boolean> {
    const { bus } = this.#options;
    const { signal } = this.#reading;
    while (!signal.aborted && !this.#isLost()) {
      const edges = await bus.edges(this.#stream, signal).catch(() => undefined);
      const { last } = (edges === null ? await this.#made(signal).catch(() => null) : edges) ?? { last: 0 };
      if (last > 0) return true;
      await pause(NOBODY_MS, signal);
    }
    return false;
  }

  /** Of facts, only where one may judge them. */
  get #mayMakeStream(): boolean {
    const { stage, policies, tenants } = this.#options;
    return stage.makesStream || tenants !== undefined || policies.some((policy) => stage.wants(policy));
  }

  #isLost(): boolean {
    return this.#writing.signal.aborted || !this.#options.holds();
  }

  async #start(): Promise<void> {
    const { policies, tenants, onFault, say, stage } = this.#options;
    const { sources, ...known } = (await this.#row.snapshot()) ?? { sources: [], memories: [], limits: [] };
    const onCold = (policy: LoadedPolicy): void => this.#tellCold(policy);
    const kept = keptIn(known, onCold);
    this.#positions = new Positions(sources, (source) => this.#streams.forget(source));
    this.#seq = this.#row.seq;
    this.#careful = this.#row.isDangerous ? CAREFUL_MESSAGES : 0;
    this.#engine = await Engine.start({
      ring: this.#feed.ring,
      readers: [this.#feed.reader()],
      policies: policies.filter((policy) => stage.wants(policy)),
      isReplay: true, // nothing may be overtaken
      limits: "forwarded",
      hostname: (stream) => this.#streams.of(stream)?.host ?? "",
      kept,
      onAlert: (alert, stream) => this.#onAlert(alert, stream),
      onFacts: (policy, told, stream) => this.#onFacts(policy, told, stream),
      onFault,
      onLog: (policy, _level, text) => say(`${policy}: ${text}`),
      onCold,
    });
    this.#streams = new Streams(this.#engine);
    this.#engine.finished.catch((error: unknown) => {
      this.#failure = error;
      this.#reading.abort();
    });
    await tenants?.join(this.#engine, { stage, kept });
  }

  #tellCold({ name, tenancy }: LoadedPolicy): void {
    const whose = tenancy == null ? name : `${tenancy.tenant}/${name}`;
    this.#options.say(`vedette: ${this.#name}: the policy ${whose} begins with no memory: its state is another now`);
  }

  /** Nobody seats a policy here any more. */
  #leave(): void {
    if (this.#engine !== undefined) this.#options.tenants?.leave(this.#engine);
  }

  async #readInTurns(): Promise<void> {
    const leave = this.#turns.join(() => this.#settled());
    try {
      await this.#readAll();
    } finally {
      leave();
    }
  }

  /** What it was given is judged, or its engine is at its end. */
  async #settled(): Promise<void> {
    await Promise.race([this.#engine.settled(), this.#engine.finished]).catch(() => undefined); // #readAll() throws it
  }

  async #readAll(): Promise<void> {
    const { bus } = this.#options;
    const { signal } = this.#reading;
    for (let delay = RETRY_MS; !signal.aborted && !this.#isLost(); ) {
      try {
        const edges = (await bus.edges(this.#stream, signal)) ?? (await this.#made(signal));
        if (edges !== null) this.#meet(edges);
        if (edges !== null && (await this.#readOn())) delay = RETRY_MS;
        else await pause(NOBODY_MS, signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#tell(`nothing comes of ${this.#name}`, reasonOf(error));
        await pause(delay, signal);
        delay = Math.min(2 * delay, RETRY_MS_MAX);
      }
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** Whoever comes first makes the stream, if he may: this host knows how many servers are to keep it. */
  async #made(signal: AbortSignal): Promise<StreamEdges | null> {
    const { bus, partition, stage, replicas = 1 } = this.#options;
    if (!this.#mayMakeStream) return null;
    try {
      await bus.ensure({ ...stage.stream(partition), replicas }, signal);
    } catch (error) {
      this.#tell(`the stream ${this.#stream} is not there, and cannot be made`, reasonOf(error));
    }
    return bus.edges(this.#stream, signal);
  }

  /**
   * What a stream had before anybody judged it is not missed. One that was made anew counts from 1 again:
   * what is known of agents says what is new in it.
   */
  #meet({ first, last }: StreamEdges): void {
    if (this.#seq === 0 && this.#positions.size === 0) this.#seq = Math.max(0, first - 1);
    this.#last = last;
    if (last >= this.#seq) return;
    this.#tell(`the stream ${this.#stream} was made anew`, `it ends at ${last}, and ${this.#seq} was judged`, "anew");
    this.#positions.expect("bus");
    this.#seq = 0;
  }

  /** True: something came. */
  async #readOn(): Promise<boolean> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#reading.signal, over.signal]);
    const from = this.#seq + 1;
    const messages = this.#options.bus.read(this.#stream, { from, isOnce: false, signal })[Symbol.asyncIterator]();
    const bell = new Bell(this.#commit.everyMs);
    let next = messages.next();
    next.catch(() => undefined); // it may fail while we commit
    try {
      while (!this.#isLost()) {
        if (this.#isDue()) await this.#commitNow();
        const got = await Promise.race([next, bell.rings()]);
        if (got === null) continue;
        if (got.done === true || this.#isLost()) break;
        await this.#inTurn(got.value);
        next = messages.next();
        next.catch(() => undefined);
      }
    } finally {
      bell.stop();
      over.abort();
      await messages.return?.().catch(() => undefined);
    }
    return this.#seq >= from;
  }

  /** A message that may end this process is judged while nobody else of it judges. */
  async #inTurn(message: BusMessage): Promise<void> {
    const { findings, facts } = this.#options;
    if (message.seq <= this.#seq) return;
    const { signal } = this.#reading;
    if (this.#careful > 0) await this.#turns.alone(() => this.#takeAlone(message), signal);
    else await this.#turns.together(() => this.#take(message), signal);
    if (findings.waiting > WAITING_MAX) await findings.flush(this.#writing.signal);
    if (facts !== undefined && facts.waitingBytes > WAITING_BYTES_MAX) await facts.flush(this.#writing.signal);
  }

  async #take(message: BusMessage): Promise<void> {
    this.#meetGap(message.seq);
    await this.#deal(message);
  }

  async #takeAlone(message: BusMessage): Promise<void> {
    this.#meetGap(message.seq);
    if (!(await this.#begin(message))) return;
    await this.#deal(message);
    await this.#commitNow();
    this.#careful--;
  }

  /** The bus dropped what stood before this message. */
  #meetGap(seq: number): void {
    if (seq === this.#seq + 1) return;
    this.#options.counts.add("lostBlocks", seq - this.#seq - 1);
    this.#positions.expect("bus");
  }

  async #deal(message: BusMessage): Promise<void> {
    await this.#judge(message);
    this.#seq = message.seq;
    this.#bytes += message.body.length;
    this.#lag = { blocks: message.pending, since: message.time };
    if (this.#options.stage.holds === "events") this.#options.counts.add("blocks");
  }

  async #judge(message: BusMessage): Promise<void> {
    const { counts, stage } = this.#options;
    const intake = this.#intakeOf(message);
    if (intake === null) return;
    const { agent, subject, batches } = intake;
    const { fresh, twice, missing } = this.#positions.take(agent, subject.task, batches, message.time);
    counts.add("duplicates", twice);
    if (stage.countsHoles) for (const { cause, events } of missing) counts.addLost(cause, events);
    const stream = this.#streams.meet(intake);
    for (const { batch } of fresh) {
      counts.add(stage.holds === "facts" ? "factsJudged" : "events", batch.count);
      if (batch.count > 0) await this.#offer(batch, stream);
    }
  }

  /** Null: it cannot be used, which is counted and told. */
  #intakeOf(message: BusMessage): Intake | null {
    const { counts, stage } = this.#options;
    const { subject, seq } = message;
    try {
      const intake = stage.read(message);
      if (typeof intake !== "string") return intake;
      counts.add("refused");
      this.#tell(`a message of ${subject} is refused`, intake, intake);
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      counts.add("poison");
      this.#positions.expect("poison", tokensOf(subject).task);
      this.#tell(`message ${seq} of ${this.#stream} is passed over`, error.message, error.code);
    }
    return null;
  }

  async #offer(batch: Batch, stream: number): Promise<void> {
    while (!this.#feed.offer(batch, stream)) {
      if (this.#failure !== null) throw this.#failure;
      await sleep(1);
    }
  }

  #onAlert(alert: Alert, stream: number): void {
    if (this.#writing.signal.aborted) return;
    const { counts, findings, onTenantAlert } = this.#options;
    counts.add("findings");
    const whole = withFacts(alert, this.#streams.factsFor(alert, stream));
    findings.add(findingLine(whole));
    if (whole.tenant !== undefined) onTenantAlert?.(whole);
    void findings.flush(this.#writing.signal);
  }

  #onFacts({ name, tenancy }: LoadedPolicy, told: ToldFacts, stream: number): void {
    const origin = this.#streams.of(stream);
    if (origin === undefined || this.#writing.signal.aborted) return;
    const { tenant, task, host, facts: container } = origin;
    const { facts } = this.#options;
    facts?.add({ tenant, task, host, container, policy: name, owner: tenancy?.tenant ?? null }, told);
    void facts?.flush(this.#writing.signal);
  }

  #isDue(): boolean {
    // Whoever began and has nothing to judge has got on, too.
    if (this.#seq === this.#row.seq && (!this.#row.hasBegun || this.#seq < this.#last)) return false;
    return this.#bytes >= this.#commit.bytes || performance.now() - this.#committedAt >= this.#commit.everyMs;
  }

  /** What was read is judged and kept; or the partition is not ours any more. */
  async #commitNow(): Promise<void> {
    await Promise.race([this.#engine.settled(), this.#engine.finished]);
    if (this.#failure !== null) throw this.#failure;
    if (!(await this.#isTold()) || this.#isLost()) return;
    await this.#keep(await limitsOf(this.#engine));
  }

  /** The store has all findings, and the bus all facts. False: the partition was lost before. */
  async #isTold(): Promise<boolean> {
    const { findings, facts } = this.#options;
    const { signal } = this.#writing;
    const [areFindings, areFacts = true] = await Promise.all([findings.flush(signal), facts?.flush(signal)]);
    return areFindings && areFacts;
  }

  async #keep(limits: readonly PolicyLimits[]): Promise<void> {
    const sources = [...this.#positions.entries()];
    await this.#row.keep(this.#seq, { sources, memories: memoriesOf(this.#engine), limits });
    this.#committedAt = performance.now();
    this.#bytes = 0;
  }

  /** Of a message that may end this process: says that it is begun. False: it is put aside. */
  async #begin({ seq, body, subject }: BusMessage): Promise<boolean> {
    const { partition, bus, counts, replicas = 1 } = this.#options;
    const begun = await this.#row.begin(seq);
    if (begun !== "aside") return begun === "begun";
    counts.add("poison");
    this.#positions.expect("poison", tokensOf(subject).task);
    this.#tell(
      `message ${seq} of ${this.#stream} is put aside`,
      "each host that judged it came to its end",
      String(seq),
    );
    await bus
      .ensure({ ...DEAD_STREAM, replicas }, this.#writing.signal)
      .then(() => bus.publish(deadSubject(partition), body, this.#writing.signal))
      .catch((error: unknown) => this.#tell("a block that was put aside is nowhere kept", reasonOf(error)));
    this.#seq = seq;
    await this.#commitNow();
    return false;
  }

  /** Nothing more comes: what waits in policies is told, and all is kept. */
  async #finish(): Promise<void> {
    this.#leave();
    await Promise.race([this.#engine.settled(), this.#engine.finished]);
    const limits = withoutUntold(await limitsOf(this.#engine)); // what was not told is, at the end
    this.#feed.close();
    await this.#engine.finished;
    if (!(await this.#isTold()) || this.#isLost()) return;
    if (this.#seq !== this.#row.seq || this.#row.hasBegun) await this.#keep(limits);
  }

  /** Once for each key. */
  #tell(what: string, why: string, key = what): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.say(`vedette: ${what}: ${why}`);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

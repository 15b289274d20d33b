// SPDX-License-Identifier: Apache-2.0
// The sensor: `run`, `serve`, `replay` and `record` are one of these, with different intakes and outputs.
// Read aloud:
//
//   monitor - policies and outputs - service - intake - recorder - workers - ... - finish what came - close
// in reverse order
//
// Each part is added to `Opened` where it is opened, so it is closed on every way out: a flag that is wrong,
// a listener that fails, a worker that dies, a signal.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { RingView } from "../capture/ring-view.js";
import type { Control } from "../control/control.js";
import { isInScope } from "../engine/scope.js";
import { VedetteError } from "../errors.js";
import type { Evidence, EvidenceSettings } from "../evidence/evidence.js";
import type { Bus } from "../fleet/bus.js";
import type { FactTeller, FactTellerOptions } from "../fleet/fact-teller.js";
import type { Forwarder, ForwarderOptions } from "../fleet/forwarder.js";
import { Grouping, type GroupingOptions, type IncidentView, STEP_TYPES, StepTaker } from "../incident/incident.js";
import type { Intake, IntakeCounts, IntakeHandlers, Peer, TappedBatch } from "../intake/intake.js";
import type { Say } from "../log.js";
import type { Alert } from "../output/alert.js";
import { counted } from "../output/counted.js";
import type { DropSettings } from "../output/drops.js";
import type { IncidentNews } from "../output/incident-news.js";
import type { MetricsSettings } from "../output/metrics-push.js";
import type { MetricsSnapshot, SnapshotSettings } from "../output/metrics-snapshot.js";
import type { TracesSettings } from "../output/span-push.js";
import { type OutputAsked, tryOne } from "../output/try-one.js";
import type { Asked, PolicyService, ServiceFlags } from "../policy/service.js";
import { reasonOf } from "../reason.js";
import { turnMs } from "../small-task.js";
import { VERSION } from "../version.js";
import { type Batch, openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { Health } from "./health.js";
import { Judge, type Judging } from "./judge.js";
import type { Monitor, MonitorDoor } from "./monitor.js";
import { Opened } from "./opened.js";
import type { BeatsOptions, Pulse } from "./pulse.js";
import { Recorder } from "./recorder.js";
import { Rereader, type Rereading } from "./rereading.js";
import type { Roster } from "./roster.js";

export type { CaptureForm, EvidenceSettings } from "../evidence/evidence.js";
export { VERSION } from "../version.js";
export { parseAddress, placeOf } from "./address.js";
export { Health, type HealthParts, type PolicyState, type Running, type WorkerHealth } from "./health.js";
export type { Judging } from "./judge.js";
export type { MonitorDoor } from "./monitor.js";
export { Opened } from "./opened.js";
export type { Rereading } from "./rereading.js";

/**
 * What goes to a bus beside alerts: beats, blocks with `forward`, and what policies tell with `facts`. The
 * sensor closes the bus.
 */
export interface FleetOptions {
  readonly bus: Bus;
  readonly beats: BeatsOptions;
  readonly forward: ForwarderOptions | null;
  readonly facts: FactTellerOptions | null;
}

/** What the four commands differ in. */
export interface SensorOptions<I extends Intake> {
  /** Opens what comes in. `counts`: the monitor; null: there is none. */
  readonly intake: (handlers: SensorHandlers, counts: IntakeCounts | null) => I | Promise<I>;
  /** Loads policies and opens outputs; undefined: nothing is judged. */
  readonly judging?: () => Promise<Judging>;
  /** Undefined: what it judges with stays as it is. */
  readonly again?: Rereading;
  /** Tenants' policies, status and alerts; undefined: there are no tenants. */
  readonly service?: ServiceFlags;
  /** Where the monitor answers. */
  readonly http?: string;
  /** How it answers there. */
  readonly door?: MonitorDoor;
  /** Where the events are stored too. */
  readonly record?: string;
  /** Null or undefined: there is no bus. */
  readonly fleet?: FleetOptions | null;
  /** Where the numbers of /metrics are sent. */
  readonly metrics?: readonly MetricsSettings[];
  /** Where spans of meters are sent. */
  readonly traces?: readonly TracesSettings[];
  /** Falco's metrics snapshots; undefined: there are none. */
  readonly snapshots?: SnapshotSettings | undefined;
  /** What is done about lost events beside telling them; undefined: nothing. */
  readonly drops?: DropSettings | undefined;
  /** Longest time for one batch in one policy. */
  readonly budgetMs?: number;
  /** Alerts, or the recording, did not get where they were to go, which was said. */
  readonly onLoss?: () => void;
  /** A line of ours. */
  readonly say: Say;
  /** Something failed, and we go on without it. */
  readonly onFault: (error: unknown) => void;
}

/** What a sensor gives to the function that opens its intake. */
export interface SensorHandlers extends IntakeHandlers {
  /** A peer has said who it is. */
  readonly onHost: (peer: Peer) => void;
  readonly say: Say;
}

/** How often to look whether workers move. */
const LOOK_MS = 500;
/**
 * When all has come: workers that do not get on for so long never will. Many times what the longest batch
 * takes.
 */
const STALLED_MS = 10_000;
const MS_NS = 1_000_000n;

/** Whether there is a control API at all: a door of it, or a store. */
function hasControlIn({ control, controlTcp, console: hasPages = false, store }: ServiceFlags = {}): boolean {
  return control !== undefined || controlTcp !== undefined || hasPages || store !== undefined;
}

/**
 * Everything that one command opens. Use Sensor.use() where you can: it closes the sensor on every way out.
 */
export class Sensor<I extends Intake = Intake> {
  readonly health = new Health();
  /** Resolves when judging has failed and cannot go on. */
  readonly failed: Promise<VedetteError>;
  readonly #options: SensorOptions<I>;
  readonly #opened = new Opened();
  #intake!: I;
  #judging: Judging | null = null;
  #service: PolicyService | null = null;
  #judge: Judge | null = null;
  #evidence: Evidence | null = null;
  #evidenceFolder: string | null = null;
  #recorder: Recorder | null = null;
  #forwarder: Forwarder | null = null;
  #facts: FactTeller | null = null;
  #pulse: Pulse | null = null;
  #grouping: Grouping | null = null;
  #control: Control | null = null;
  #roster: Roster | null = null;
  #steps: { finish(): void } | null = null;
  #rereader: Rereader | null = null;
  #snapshot: MetricsSnapshot | null = null;
  #recorded: "whole" | "broken" = "whole";
  #port = 0;
  #turn: NodeJS.Timeout | null = null;
  #fail: (error: VedetteError) => void = () => undefined;

  /** Opens one, does the work with it, and closes it, whatever becomes of the work. */
  static async use<I extends Intake, T>(
    options: SensorOptions<I>,
    work: (sensor: Sensor<I>) => Promise<T>,
  ): Promise<T> {
    const sensor = await Sensor.open(options);
    try {
      return await work(sensor);
    } finally {
      await sensor.close();
    }
  }

  /** Resolves when policies are ready. The intake takes nothing in yet. */
  static async open<I extends Intake>(options: SensorOptions<I>): Promise<Sensor<I>> {
    const sensor = new Sensor(options);
    try {
      await sensor.#open();
      return sensor;
    } catch (error) {
      await sensor.close().catch(() => undefined); // the first cause is told
      throw error;
    }
  }

  private constructor(options: SensorOptions<I>) {
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  async #open(): Promise<void> {
    const { http, judging, service, record, metrics = [], traces = [], snapshots, drops } = this.#options;
    // What runs for long outlives a hangup from the start; of another, a hangup before its workload begins is
    // the end.
    const runsForLong = http !== undefined || service?.policiesD !== undefined;
    if (runsForLong) this.#hearHangups();
    const hasControl = hasControlIn(service);
    const isAsked =
      http !== undefined || hasControl || metrics.length + traces.length > 0 || (snapshots ?? drops) !== undefined;
    const monitor = isAsked ? await this.#openMonitor(http) : null;
    if (metrics.length > 0 && monitor !== null) await this.#openPushes(metrics, monitor);
    if (traces.length > 0 && monitor !== null) await this.#openTraces(traces, monitor);
    if (hasControl && monitor !== null) this.#roster = new (await import("./roster.js")).Roster(monitor);
    if (judging !== undefined) await this.#openOutputs(judging, monitor);
    if (service !== undefined) await this.#openService(service, monitor);
    await this.#openIntake(monitor);
    if (record !== undefined) this.#openRecorder(record);
    await this.#openBus(monitor);
    if (this.#judging !== null) await this.#openJudge(this.#judging, monitor);
    if (snapshots !== undefined && monitor !== null) await this.#openSnapshots(snapshots, monitor);
    if (drops !== undefined && monitor !== null) await this.#openDrops(drops, monitor);
    if (service !== undefined && !runsForLong) this.#hearHangups();
  }

  get intake(): I {
    return this.#intake;
  }

  /** Of the monitor. */
  get port(): number {
    return this.#port;
  }

  /** Whether agents are to be told what they deny before their workloads begin. */
  get prevents(): boolean {
    return this.#judge?.prevents === true || this.#options.service?.policiesD !== undefined;
  }

  /** Whether agents may be asked to do something after an alert. */
  get responds(): boolean {
    return this.#judge?.responds === true;
  }

  /** Whether the recording holds all that came. */
  get recorded(): "whole" | "broken" {
    return this.#recorded;
  }

  /** From here on the intake takes in, and files that changed are taken. */
  begin(): void {
    this.health.begin();
    this.#rereader?.begin();
    this.#pulse?.begin();
  }

  /** Resolves when alerts can be taken: for an intake that can wait. */
  async room(): Promise<void> {
    await this.#judging?.outputs.room();
  }

  /** Agents are leaving: what waits for the bus is sent at once. */
  hurry(): void {
    this.#forwarder?.hurry();
  }

  /** Nothing more comes: what came, and what was told of it, is forwarded, in no longer than so many ms. */
  async forwarded(ms: number): Promise<void> {
    await Promise.all([this.#forwarder?.finish(ms), this.#facts?.finish(ms)]);
  }

  /** Nothing more comes: resolves when what came is stored and judged. Throws when it cannot be. */
  async finish(): Promise<void> {
    this.#finishRecording();
    if (this.#judge === null) return;
    const over = new AbortController();
    try {
      await Promise.race([this.#judged(this.#judge), this.#watchPace(this.#judge, over.signal)]);
      await Promise.race([this.#service?.finished(), sleep(STALLED_MS, undefined, over)]);
      this.#steps?.finish();
      this.#judge.endIncidents();
      await this.#evidence?.finish();
    } finally {
      over.abort();
    }
  }

  /** All that are kept, the newest first; and how many were forgotten. */
  incidents(): { readonly kept: readonly IncidentView[]; readonly forgotten: number } {
    const kept = [...(this.#grouping?.all() ?? [])].map(({ view }) => view);
    return { kept, forgotten: this.#grouping?.forgotten ?? 0 };
  }

  /** Closes all that was opened, in reverse order. */
  close(): Promise<void> {
    return this.#opened.close();
  }

  #hearHangups(): void {
    const onHangup = (): void => {
      this.#judging?.outputs.reopen();
      this.#snapshot?.reopen();
      this.#service?.hangUp();
      void this.#rereader?.hangUp();
    };
    process.on("SIGHUP", onHangup);
    this.#opened.add(onHangup, () => process.off("SIGHUP", onHangup));
  }

  /** `address`: undefined where the control API alone asks it. */
  async #openMonitor(address: string | undefined): Promise<Monitor> {
    // Its library is a hundred modules, which commands without a monitor need not load.
    const { Monitor } = await import("./monitor.js");
    const monitor = this.#opened.add(new Monitor(this.health), (one) => one.close());
    if (address !== undefined) this.#port = await monitor.listen(address, this.#options.door);
    return monitor;
  }

  async #openPushes(metrics: readonly MetricsSettings[], monitor: Monitor): Promise<void> {
    const { MetricsPush } = await import("../output/metrics-push.js");
    const { onFault } = this.#options;
    const attributes = this.#resource();
    const scopes = (now: bigint): object[] => monitor.scopes(now);
    const common = { families: () => monitor.families(), scopes, attributes, version: VERSION, onFault };
    for (const settings of metrics) this.#opened.add(new MetricsPush({ settings, ...common }), (push) => push.close());
  }

  async #openTraces(traces: readonly TracesSettings[], monitor: Monitor): Promise<void> {
    const { SpanPush } = await import("../output/span-push.js");
    const common = { attributes: this.#resource(), version: VERSION, onFault: this.#options.onFault };
    for (const settings of traces) {
      const push = this.#opened.add(new SpanPush({ settings, ...common }), (one) => one.close());
      monitor.sendSpans(push);
    }
  }

  /** What OpenTelemetry says of who sends. */
  #resource(): Record<string, string> {
    return {
      "service.name": "vedette",
      "service.version": VERSION,
      "host.name": hostname(),
      "service.instance.id": randomUUID(),
    };
  }

  async #openSnapshots(settings: SnapshotSettings, monitor: Monitor): Promise<void> {
    const { MetricsSnapshot: Snapshot } = await import("../output/metrics-snapshot.js");
    const options = {
      settings,
      families: () => monitor.families(),
      hostname: this.#judging?.host,
      onAlert: (alert: Alert) => this.#judge?.tell(alert),
      onFault: this.#options.onFault,
    };
    this.#snapshot = this.#opened.add(new Snapshot(options), (one) => one.close());
  }

  async #openDrops(settings: DropSettings, monitor: Monitor): Promise<void> {
    const { Drops } = await import("../output/drops.js");
    const options = {
      settings,
      totals: () => monitor.eventTotals(),
      hostname: this.#judging?.host,
      onAlert: (alert: Alert) => this.#judge?.tell(alert),
      say: this.#options.say,
      onExit: this.#fail,
    };
    this.#opened.add(new Drops(options), (one) => one.close());
  }

  async #openOutputs(judging: () => Promise<Judging>, monitor: Monitor | null): Promise<void> {
    const { again } = this.#options;
    if (again !== undefined) this.#rereader = await this.#openRereader(again);
    this.#judging = await judging();
    const { outputs, leavesRepeats: tellsEnds = false } = this.#judging;
    const sees: GroupingOptions["sees"] = (tenant, { facts, own, uid, exepath }) => {
      const scope = this.#service?.scopeOf(tenant) ?? null;
      const process = { container: () => own, uid: () => BigInt(uid), exepath: () => exepath };
      return scope !== null && isInScope(scope, facts, process);
    };
    const { service } = this.#options;
    const tellsIncidents = outputs.tellsIncidents || hasControlIn(service);
    const grouping = new Grouping({ sees, tellsEnds, tellsIncidents });
    this.#grouping = grouping;
    monitor?.watchIncidents(() => grouping.stats());
    this.#opened.add(outputs, async () => {
      const undelivered = await outputs.close();
      if (undelivered === 0) return;
      this.#options.say(`${counted(undelivered, "alert")} could not be sent`, "warning");
      this.#options.onLoss?.();
    });
    if (this.#rereader !== null) this.#opened.add(this.#rereader, (one) => one.close());
    this.health.watch({
      outputs: () => [...outputs.stats(), ...(this.#service?.outputs() ?? []), ...(this.#control?.outputs() ?? [])],
    });
  }

  /** From before files are read. */
  #openRereader(again: Rereading): Promise<Rereader> {
    const { say, onFault } = this.#options;
    const askedBy = (judging: Judging | null) => judging?.keeps?.asked ?? new Map();
    let asked: ReturnType<typeof askedBy> | null = null;
    const onComing = (next: Judging): void => {
      asked ??= askedBy(this.#judging);
      this.#evidence?.ask(new Map([...asked, ...askedBy(next)]));
    };
    const onRefused = (): void => this.#evidence?.ask(asked ?? askedBy(this.#judging));
    const onTaken = (next: Judging): void => {
      const { outputs, leavesRepeats: tellsEnds = false } = { ...this.#judging, ...next };
      const tellsIncidents = outputs.tellsIncidents || hasControlIn(this.#options.service);
      this.#grouping?.setTold({ tellsEnds, tellsIncidents });
      asked = askedBy(next);
      this.#evidence?.ask(asked);
    };
    return Rereader.open(again, { judge: () => this.#judge, onComing, onRefused, onTaken, say, onFault });
  }

  async #openService(flags: ServiceFlags, monitor: Monitor | null): Promise<void> {
    const own = {
      health: () => ({ isWell: this.health.isWell(), json: this.health.json() }),
      metrics: async () => (await monitor?.metrics()) ?? "",
      measures: () => monitor?.measures() ?? { present: [], scopes: [] },
      incidents: () => this.#grouping?.open() ?? [],
      sensors: () => this.#roster?.rows() ?? [],
      from: "sensor" as const,
      evidence: () => this.#evidenceFolder,
      tryOutput: (asked: OutputAsked, ms: number) =>
        tryOne([...(this.#judging?.outputs.queues() ?? []), ...(this.#service?.queues() ?? [])], asked, ms),
      onFault: (error: unknown) => this.#options.onFault(error),
    };
    const answers = async (asked: Asked): Promise<Control> => {
      this.#control = await (await import("../control/control.js")).Control.for(flags, own)(asked);
      return this.#control;
    };
    const { PolicyService } = await import("../policy/service.js");
    this.#service = this.#opened.add(
      new PolicyService(flags, this.#options.say, hasControlIn(flags) ? answers : null),
      (one) => one.close(),
    );
  }

  async #openIntake(monitor: Monitor | null): Promise<void> {
    const { intake, say } = this.#options;
    const handlers: SensorHandlers = {
      say,
      onWake: () => this.#onWake(),
      onHost: (peer) => this.#recorder?.host(peer),
      onHello: (peer) => {
        this.#roster?.onHello(peer);
        this.#pulse?.onHello(peer);
        return this.#judge?.greet(peer) ?? true;
      },
      onFacts: (peer) => void this.#judge?.greet(peer),
      onPrevented: (peer, obstacle) => this.#judge?.onPrevented(peer, obstacle),
      onResponded: (peer, answer) => this.#judge?.onResponded(peer, answer),
      onHashed: (peer, answer) => this.#judge?.onHashed(peer, answer),
      onEnding: (peer) => this.#forwarder?.ending(peer.number),
      onLeft: (peer) => {
        this.#roster?.onLeft(peer);
        this.#pulse?.onLeft(peer);
        this.#judge?.onLeft(peer);
      },
      onForgotten: (number) => this.#judge?.onForgotten(number),
      onNews: (news, peer) => this.#judge?.onNews(news, peer),
    };
    this.#intake = this.#opened.add(await intake(handlers, this.#roster ?? monitor), (one) => one.close());
    this.#opened.add(null, () => clearTimeout(this.#turn ?? undefined));
    this.health.watch({ intake: () => this.#intake.health(), fills: () => this.#intake.fills() });
    this.health.watch({ usages: () => this.#intake.usages() });
  }

  #openRecorder(path: string): void {
    const onFault = (error: unknown): void => {
      this.#recorded = "broken";
      this.#options.onLoss?.();
      this.#options.onFault(error);
    };
    this.#recorder = this.#opened.add(new Recorder(path, this.#intake, onFault), (recorder) => recorder.close());
  }

  /** Closed in the reverse order: the last beat tells what became of the last block. */
  async #openBus(monitor: Monitor | null): Promise<void> {
    const { fleet, say } = this.#options;
    if (fleet == null) return;
    const { bus, beats, forward, facts } = fleet;
    this.#opened.add(bus, (one) => one.close());
    const { Pulse } = await import("./pulse.js");
    const parts = {
      problem: () => this.health.judging(),
      policies: () => this.#judge?.statuses() ?? [],
      outputs: () => this.health.outputs(),
      sums: () => monitor?.sums ?? { events: 0, lost: 0, alerts: 0 },
      forward: () => {
        const [forwarder, stream] = [this.#forwarder, forward?.place.stream];
        return forwarder === null || stream === undefined ? null : { stats: forwarder.stats(), stream };
      },
    };
    this.#pulse = this.#opened.add(new Pulse(beats, parts, say), (one) => one.close());
    if (forward !== null) await this.#openForwarder(forward, monitor);
    if (facts !== null) await this.#openFacts(facts, monitor);
  }

  async #openFacts(options: FactTellerOptions, monitor: Monitor | null): Promise<void> {
    const { FactTeller: Teller } = await import("../fleet/fact-teller.js");
    const teller = this.#opened.add(new Teller(options), (one) => one.close());
    this.#facts = teller;
    this.health.watch({ bus: () => teller.stats.problem });
    monitor?.watchFacts(teller);
  }

  async #openForwarder(options: ForwarderOptions, monitor: Monitor | null): Promise<void> {
    const { Forwarder } = await import("../fleet/forwarder.js");
    const forwarder = this.#opened.add(new Forwarder(options, this.#intake), (one) => one.close());
    this.#forwarder = forwarder;
    this.health.watch({ bus: () => forwarder.stats().problem });
    monitor?.watchForwarder(forwarder);
  }

  async #openJudge(judging: Judging, monitor: Monitor | null): Promise<void> {
    const { say, budgetMs } = this.#options;
    if (judging.keeps !== undefined) await this.#openEvidence(judging.keeps, monitor);
    const grouping = this.#grouping ?? new Grouping();
    const options = {
      ...judging,
      grouping,
      service: this.#service,
      onIncident: (news: IncidentNews<IncidentView>) => this.#control?.onIncident(news),
      monitor,
      evidence: this.#evidence,
      facts: this.#facts,
      say,
      ...(budgetMs === undefined ? {} : { budgetMs }),
    };
    const judge = await Judge.open(options, this.#intake, this.#opened);
    this.#judge = judge;
    this.#evidence?.begin();
    judge.finished.catch((error: unknown) => this.#onFailure(error));
    this.#openSteps(judge, grouping);
    this.health.watch({ workers: () => judge.workers(), policies: () => judge.policies(), runs: () => judge.runs() });
    this.#opened.add(
      setInterval(() => judge.workers(), LOOK_MS), // who does not move is known by looking often
      (timer) => clearInterval(timer),
    );
  }

  async #openEvidence(settings: EvidenceSettings, monitor: Monitor | null): Promise<void> {
    const { Evidence } = await import("../evidence/evidence.js");
    const evidence = Evidence.open({
      ...settings,
      ring: this.#intake.ring,
      onAlert: (alert) => this.#judge?.tell(alert),
      onFault: (error) => this.#options.onFault(error),
    });
    this.#evidenceFolder = settings.folder;
    this.#evidence = this.#opened.add(evidence, (one) => one.close());
    monitor?.watchEvidence(() => evidence.stats());
  }

  /**
   * What processes did beside findings. A replay's reader is waited for, so that each replay tells the same.
   */
  #openSteps(judge: Judge, grouping: Grouping): void {
    const { ring, isRecorded } = this.#intake;
    const taker = new StepTaker((step) => grouping.step(step));
    if (isRecorded) {
      const take = ({ from, bytes }: TappedBatch): true => {
        const batch = openChecked(bytes);
        batch.container = this.#intake.peer(from)?.facts ?? null;
        taker.take(batch);
        return true;
      };
      this.#steps = this.#opened.add(this.#intake.tap(take), (tap) => tap.close());
      return;
    }
    const containerOf = (stream: number): ContainerFacts | null => this.#intake.peer(stream)?.facts ?? null;
    const handlers = {
      types: STEP_TYPES,
      containerOf,
      onBatch: (batch: Batch) => taker.take(batch),
      onMissed: () => undefined,
    };
    this.#steps = this.#opened.add(new RingView(ring, handlers), (view) => view.close());
    this.#opened.add(
      setInterval(() => judge.tick(BigInt(Date.now()) * MS_NS), LOOK_MS),
      (timer) => clearInterval(timer),
    );
  }

  /** Whoever is watched is not held up by us, and what was not judged is not acknowledged. */
  #onFailure(cause: unknown): void {
    const reason = reasonOf(cause);
    const error = new VedetteError("VEDETTE_STOPPED_JUDGING", { reason, unjudged: this.#intake.unjudged }, { cause });
    this.health.stop(error.message);
    this.#judge?.onNews(this.#intake.abandon(reason), null);
    void this.#judge?.stop();
    this.#fail(error);
  }

  /** Alerts of what was judged a turn ago have been handed to the outputs: now it is acknowledged. */
  #onWake(): void {
    this.#turn ??= setTimeout(() => {
      this.#turn = null;
      if (!this.#intake.acknowledge()) this.#onWake();
    }, turnMs());
  }

  #finishRecording(): void {
    const recorded = this.#recorder?.finish();
    if (recorded == null) return;
    const { events, batches } = recorded;
    this.#options.say(`recorded ${counted(events, "event")} in ${counted(batches, "batch", "batches")}`);
  }

  async #judged(judge: Judge): Promise<void> {
    const failure = await Promise.race([judge.finished.catch(() => this.failed), this.failed]);
    if (failure !== undefined) throw failure;
  }

  /**
   * Never resolves while workers get on: one that never will must not keep us from our end. A replay waits
   * for each.
   */
  async #watchPace(judge: Judge, signal: AbortSignal): Promise<never> {
    if (this.#intake.isRecorded) return new Promise(() => undefined);
    let [pace, since] = [judge.pace, performance.now()];
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (judge.pace !== pace) [pace, since] = [judge.pace, performance.now()];
      else if (performance.now() - since > STALLED_MS) this.#onFailure(new Error("policy workers do not move"));
    }
    return new Promise(() => undefined);
  }
}

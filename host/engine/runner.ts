// SPDX-License-Identifier: Apache-2.0
// One policy in a worker. The runner gives batches to the policy's instance, makes alerts of its answers, and
// repairs it. After a trap it makes a new instance, with the state of the batch before. That instance goes on
// behind the record that broke the old one. So a bug that an attacker can reach does not blind the policy for
// the rest of the batch. A policy that keeps trapping is broken, and the main thread decides what to do then.
// Alerts, text and log lines are bounded.
import { VedetteError } from "../errors.js";
import { takeFinding } from "../finding/finding.js";
import type { Alert } from "../output/alert.js";
import { boundText } from "../output/alert-bounds.js";
import { compileFormat, type Format } from "../output/format.js";
import { PolicyInstance } from "../wasm/instance.js";
import { eventsOf } from "../wasm/metadata.js";
import type { Measured } from "../wasm/metrics-region.js";
import type { Batch } from "../wire/batch.js";
import { EVENT_OF_NAME } from "../wire/layout.js";
import { SharedBounds } from "./bounds.js";
import { compileExceptions, type ExceptionTest } from "./exceptions.js";
import { FactBook, type ToldFacts } from "./fact.js";
import { GroupedRules } from "./grouped.js";
import { StateKeep } from "./keep.js";
import { containerAt, type KeptLimits, limitPlace } from "./kept-limits.js";
import { AlertLimiter, eventTime, type LimitClock, type Suppressed } from "./limiter.js";
import type { LoadedPolicy } from "./policy.js";
import { PREVENTED, PreventedAlerts, type UnsignedAlert } from "./prevented.js";
import { signatureOf, suppressedAlert } from "./suppressed.js";

const TRAPS_PER_BATCH = 8;
/** Traps that a policy may have in a while, whatever the batches: each costs a new instance. */
const TRAPS_MAX = 16;
const TRAP_NS = 10_000_000_000; // one more each ten seconds, by the batches' clock
const TYPE_WORDS = 16;

/** One trap of a policy. */
export interface RunnerFault {
  /** evt.num of the record it was at. */
  readonly event: number;
  readonly reason: string;
}
/** What one policy said to one batch. */
export interface Judgement {
  readonly alerts: Alert[];
  /** Alerts beyond a bound. */
  readonly dropped: number;
  readonly faults: readonly RunnerFault[];
  /** It trapped too often and judges no more. */
  readonly isBroken: boolean;
  readonly logs: readonly { readonly level: number; readonly text: string }[];
  /** Null: it told none. */
  readonly facts: ToldFacts | null;
  /** Calls that agents denied in its name, or would have. */
  readonly prevented: { readonly denied: number; readonly monitored: number };
}

/** One policy with its instance, its limits and its kept state. One thread uses it. */
export class PolicyRunner {
  readonly policy: LoadedPolicy;
  readonly #formats: readonly Format[];
  readonly #grouped: GroupedRules;
  readonly #exceptions: readonly (ExceptionTest | undefined)[];
  readonly #wanted: Uint32Array;
  readonly #limiter: AlertLimiter;
  readonly #bounds: SharedBounds;
  readonly #now: LimitClock;
  readonly #prevented: PreventedAlerts;
  readonly #facts: FactBook;
  #instance: PolicyInstance;
  #keep: StateKeep | null;
  #batch: Batch | null = null;
  #alerts: Alert[] = [];
  #suppressed = 0;
  #trapsLeft = TRAPS_MAX;
  #trappedAt = 0;
  #logs: { level: number; text: string }[] = [];
  /** What instances that are gone had measured. */
  #measured: Measured[] = [];

  /**
   * Makes the policy ready, with the state in `keep` if that is of its form; `bounds` are those of all
   * policies of its tenant. Throws VEDETTE_POLICY_INIT when its init fails.
   */
  constructor(
    policy: LoadedPolicy,
    keep: SharedArrayBuffer | null = null,
    bounds = new SharedBounds(policy),
    now: LimitClock = eventTime,
  ) {
    this.policy = policy;
    this.#bounds = bounds;
    this.#now = now;
    this.#formats = policy.rules.map((rule) => compileFormat(rule.output, rule.fields, policy.bytes));
    this.#grouped = new GroupedRules(policy.rules);
    this.#exceptions = policy.rules.map(({ exceptions }) => exceptions && compileExceptions(exceptions));
    this.#wanted = typesOf(policy);
    this.#limiter = new AlertLimiter(policy.tenancy?.alerts ?? policy.alerts, bounds.alerts);
    this.#prevented = new PreventedAlerts(policy);
    this.#facts = new FactBook((policy.admitted.metadata.facts ?? []).map(({ name }) => name));
    this.#keep = keep === null ? null : new StateKeep(keep);
    this.#instance = this.#start();
  }

  /** Whether a batch with these event types holds anything for it. */
  wants(types: Uint32Array): boolean {
    for (let i = 0; i < TYPE_WORDS; i++) if (((types[i] as number) & (this.#wanted[i] as number)) !== 0) return true;
    return false;
  }

  /** `types`: those of the batch's records, if they are known. */
  judge(batch: Batch, types: Uint32Array | null = null): Judgement {
    this.#batch = batch;
    this.#bounds.begin(batch);
    this.#alerts = [];
    this.#suppressed = 0;
    this.#logs = [];
    const faults: RunnerFault[] = [];
    let index = 0;
    let isBroken = false;
    while (index < batch.count && !isBroken) {
      const trap = this.#instance.judge(batch, { index, offset: index === 0 ? 0 : (batch.offsets[index] as number) });
      if (trap === null) break;
      this.#keepMeasured();
      const record = Math.min(Math.max(trap.record, index), batch.count - 1);
      faults.push({ event: batch.first + record, reason: trap.message });
      index = record + 1;
      isBroken = faults.length >= TRAPS_PER_BATCH || !this.#maySurvive(batch.clock) || !this.#restart(faults);
    }
    const prevented = this.#tellPrevented(batch, types);
    this.#batch = null;
    if (!isBroken) this.#keepState();
    const alerts = [...this.#alerts, ...this.tellSuppressed(batch.clock)];
    const facts = this.#facts.take(batch);
    return { alerts, dropped: this.#suppressed, faults, isBroken, logs: this.#logs, prevented, facts };
  }

  /**
   * The alerts of calls that its rows denied. All are counted; alerts are raised as far as the limit allows.
   */
  #tellPrevented(batch: Batch, types: Uint32Array | null): Judgement["prevented"] {
    const counts = { denied: 0, monitored: 0 };
    if (types !== null && !hasType(types, PREVENTED)) return counts;
    for (const { index, isEnforced, offset, alert } of this.#prevented.in(batch)) {
      counts[isEnforced ? "denied" : "monitored"]++;
      const row = this.policy.rules.length + index;
      if (this.#mayAlert(row, alert.time)) this.#raise(batch, offset, row, alert, true);
    }
    return counts;
  }

  /** One that its limit allows: cut to its bounds, for which it pays, and with what it is about. */
  #raise(batch: Batch, offset: number, limit: number, alert: UnsignedAlert, isPrevented = false): void {
    const { cost, ...text } = boundText(alert);
    if (cost > 1) this.#limiter.spend(limit, limitPlace(batch), cost - 1);
    const { name: policy, version, tenancy } = this.policy;
    const whose = { policy, version, rule: alert.rule, tenant: tenancy?.tenant ?? null, tags: alert.tags };
    const finding = takeFinding(batch, offset, whose, isPrevented);
    const grouping = this.#grouped.of(limit, batch, offset);
    const about = grouping === undefined ? { finding } : { finding, grouping };
    this.#alerts.push({ ...alert, ...text, ...signatureOf(this.policy), ...about });
  }

  #mayAlert(rule: number, time: bigint): boolean {
    const place = this.#batch === null ? "" : limitPlace(this.#batch);
    if (!this.#bounds.hasRoom) this.#limiter.withhold(rule, place);
    if (!this.#bounds.hasRoom || !this.#limiter.allows(rule, this.#now(time), place)) {
      this.#suppressed++;
      return false;
    }
    this.#bounds.count();
    return true;
  }

  /** Alerts about suppressed alerts that were not reported yet, at most once a minute. */
  tellSuppressed(clock: bigint): Alert[] {
    return this.#limiter.tell(this.#now(clock)).map((one) => this.#summary(one, clock));
  }

  /** No batch comes any more. Gives the alerts about suppressed alerts that were not reported yet. */
  finish(clock: bigint): Alert[] {
    return this.#limiter.tell(this.#now(clock), true).map((one) => this.#summary(one, clock));
  }

  /** What is used up of its limits: at most so many rows. */
  limits(clock: bigint, most: number): KeptLimits {
    const own = this.#limiter.used(this.#now(clock), most);
    return { own: own.map(({ rule, ...row }) => ({ ...row, rule: this.#nameOf(rule) })) };
  }

  /** Goes on with what was used up of limits before: of those of its rules that are there now. */
  takeLimits({ own }: KeptLimits): void {
    const { rules, prevent = [] } = this.policy;
    const numbers = new Map([...rules, ...prevent].map(({ name }, number) => [name, number]));
    this.#limiter.resume(
      own.flatMap(({ rule: name, ...row }) => {
        const rule = numbers.get(name);
        return rule === undefined ? [] : [{ ...row, rule }];
      }),
    );
  }

  /** Whether there is hardly any room left for what it measures: then it cannot wait to be asked. */
  get measuresMuch(): boolean {
    return this.#instance.measures === "much";
  }

  /** What it has measured since this was last asked. */
  takeMeasured(): Measured[] {
    this.#keepMeasured();
    const measured = this.#measured;
    this.#measured = [];
    return measured;
  }

  #keepMeasured(): void {
    const measured = this.#instance.takeMeasured();
    if (measured !== null) this.#measured.push(measured);
  }

  get memoryBytes(): number {
    return this.#instance.memoryBytes;
  }

  /** Where its state is kept; null: it has none. */
  get keep(): SharedArrayBuffer | null {
    return this.#keep?.memory ?? null;
  }

  /** One trap more: whether it is still one now and then. */
  #maySurvive(clock: bigint): boolean {
    const now = Number(this.#now(clock));
    this.#trapsLeft = Math.min(TRAPS_MAX, this.#trapsLeft + Math.max(0, now - this.#trappedAt) / TRAP_NS) - 1;
    this.#trappedAt = Math.max(this.#trappedAt, now);
    return this.#trapsLeft > 0;
  }

  #start(): PolicyInstance {
    const { admitted, parameters } = this.policy;
    const instance = PolicyInstance.start(admitted, parameters, {
      onAlert: (rule, record, text) => this.#onAlert(rule, record, text),
      onLog: (level, text) => this.#onLog(level, text),
      onFact: (kind, at, key, value) => {
        const batch = this.#batch;
        if (batch !== null) this.#facts.tell(batch, { kind, at, key, value }, Number(this.#now(batch.clock)));
      },
    });
    const { state } = instance;
    if (state === null) this.#keep = null;
    else if (this.#keep?.fits(state)) this.#keep.restore(state);
    else this.#keep = StateKeep.for(state);
    return instance;
  }

  #onLog(level: number, text: string): void {
    const line = this.#bounds.line(text, this.#now(this.#batch?.clock ?? 0n));
    if (line !== null) this.#logs.push({ level, text: line });
  }

  #keepState(): void {
    if (this.#keep === null || !this.#instance.takeDirty()) return;
    const { state } = this.#instance;
    if (state !== null && this.#keep.fits(state)) this.#keep.save(state);
  }

  #restart(faults: RunnerFault[]): boolean {
    try {
      this.#instance = this.#start();
      return true;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      faults.push({ event: faults.at(-1)?.event ?? 0, reason: error.message });
      return false;
    }
  }

  /**
   * A policy may name any rule and any record; what is not one of its own rules or not the begin of a record
   * is no alert.
   */
  #onAlert(rule: number, record: number, text: string): void {
    const batch = this.#batch;
    const is = this.policy.rules[rule];
    const format = this.#formats[rule];
    if (batch === null || is === undefined || format === undefined || !is.enabled) return;
    if (batch.offsets[batch.indexOf(record)] !== record) return;
    if (this.#exceptions[rule]?.(batch, record)) return;
    const time = batch.recordView.getBigUint64(record + 8, true);
    if (!this.#mayAlert(rule, time)) return;
    const { text: output, fields } = format(batch, record);
    this.#raise(batch, record, rule, {
      rule: is.name,
      priority: is.priority,
      tags: is.tags,
      source: "syscall",
      time,
      output: text === "" ? output : `${output} ${text}`,
      outputFields: fields,
    });
  }

  #summary(suppressed: Suppressed, time: bigint): Alert {
    const container = containerAt(suppressed.container);
    return suppressedAlert(this.policy, this.#nameOf(suppressed.rule), { ...suppressed, container }, time);
  }

  #nameOf(rule: number): string {
    const { rules } = this.policy;
    return rules[rule]?.name ?? this.#prevented.nameOf(rule - rules.length);
  }
}

/** The union of its enabled rules' and its meters' events, as the ring's bitmap has it. */
function typesOf(policy: LoadedPolicy): Uint32Array {
  const words = new Uint32Array(TYPE_WORDS);
  const rules = policy.rules.filter(({ enabled }) => enabled);
  for (const event of eventsOf(rules, policy.admitted.metadata.meters)) add(words, EVENT_OF_NAME.get(event)?.id ?? 0);
  add(words, PREVENTED); // also of a response to one of its alerts
  return words;
}

function hasType(words: Uint32Array, id: number): boolean {
  return ((words[id >> 5] as number) & (1 << (id & 31))) !== 0;
}

function add(words: Uint32Array, id: number): void {
  words[id >> 5] = (words[id >> 5] as number) | (1 << (id & 31));
}

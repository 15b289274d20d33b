// SPDX-License-Identifier: Apache-2.0
// What a cell says of events, taken at its worth. Whoever breaks out of WebAssembly speaks for the cell. So
// the host decides which policy an alert belongs to, in whose name it is raised, how grave it is, what it may
// say of a process, and how many there may be; likewise of what was measured, and of lines of the log.
import { ERRORS, type ErrorCode } from "../../build/generated/errors.js";
import { VedetteError } from "../errors.js";
import type { Priority } from "../finding/priority.js";
import type { Alert } from "../output/alert.js";
import { boundText } from "../output/alert-bounds.js";
import { bucketsOf, type Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import type { SharedBounds } from "./bounds.js";
import { trustedFinding } from "./cell-finding.js";
import type { FromCell } from "./cell-messages.js";
import type { EngineHandlers } from "./engine.js";
import { groupingOf } from "./grouped.js";
import { type AlertLimiter, Bucket, hostTime, type Suppressed } from "./limiter.js";
import type { LoadedPolicy } from "./policy.js";
import { Shown } from "./shown.js";
import { signatureOf, suppressedAlert } from "./suppressed.js";

const FUTURE_NS_MAX = 5_000_000_000n;
/** A policy that keeps failing rests, which is a fault more. */
const FAULTS = { burst: 40, perMinute: 20 };
/** What may go wrong with a policy. */
const OF_POLICY = /^VEDETTE_(POLICY|MODULE|TENANT)_/;
/** Characters of what a cell says went wrong. */
const WORDS_MAX = 1_000;
/** Of a row of `prevent:` that names none. */
const DENIED: Priority = "Critical";
/** Who hears what is left of what a cell says. `containers`: by stream, as the host knows them. */
export interface ClaimOptions {
  readonly containers: ReadonlyMap<number, ContainerFacts>;
  readonly onAlert: (alert: Alert, stream: number) => void;
  readonly onLog: (policy: string, level: number, text: string) => void;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onMeasured?: EngineHandlers["onMeasured"];
}

/** A policy, and what its alerts may cost. */
export interface Lodger {
  readonly policy: LoadedPolicy;
  readonly limiter: AlertLimiter;
}

/** Of one cell. `lodgers`: the policies that live there, by number; whoever starts the cell changes them. */
export class CellClaims {
  readonly #options: ClaimOptions;
  readonly #lodgers: ReadonlyMap<number, Lodger>;
  readonly #bounds: SharedBounds;
  readonly #faults = new Bucket(FAULTS);
  #untold = 0;
  /** Streams of which it was shown something. */
  readonly #shown = new Map<number, Shown>();

  constructor(options: ClaimOptions, lodgers: ReadonlyMap<number, Lodger>, bounds: SharedBounds) {
    this.#options = options;
    this.#lodgers = lodgers;
    this.#bounds = bounds;
  }

  /** Raised in the name of the policy that the host knows, as grave as its rule is, and within its limit. */
  onAlert({ policy: name, rule, stream, dedup = null, ...said }: FromCell & { kind: "alert" }): void {
    const found = this.#ruleOf(name, rule);
    if (found === null) return;
    const { lodger, index, priority, tags } = found;
    const shown = this.#shown.get(stream) ?? null;
    const known = shown === null ? undefined : this.#options.containers.get(stream);
    if (!lodger.limiter.allows(index, hostTime(said.time), known?.id ?? "")) return;
    const { cost, ...text } = boundText(said);
    if (cost > 1) lodger.limiter.spend(index, known?.id ?? "", cost - 1);
    const time = bounded(said.time);
    const { version, tenancy } = lodger.policy;
    const whose = { policy: name, version, rule, tenant: tenancy?.tenant ?? null, tags };
    const finding = trustedFinding(said.finding, { ...whose, shown, time, container: known ?? null });
    const alert = { rule, priority, tags, source: "syscall", time, ...text, ...signatureOf(lodger.policy) };
    const about = finding === undefined ? {} : { finding };
    const is = lodger.policy.rules[index];
    const grouping = is === undefined ? undefined : groupingOf(is, is.grouping?.dedup === undefined ? null : dedup);
    const grouped = grouping === undefined ? {} : { grouping };
    this.#options.onAlert({ ...alert, ...about, ...grouped }, known === undefined ? -1 : stream);
  }

  onSuppressed({ policy: name, rule, time, container, count }: FromCell & { kind: "suppressed" }): void {
    const found = this.#ruleOf(name, rule);
    if (found === null) return;
    const suppressed: Suppressed = { rule: found.index, container, count };
    this.#options.onAlert(suppressedAlert(found.lodger.policy, rule, suppressed, bounded(time)), -1);
  }

  /** A rule, or a row of `prevent:`, of a policy that lives there. */
  #ruleOf(name: string, rule: string) {
    const lodger = [...this.#lodgers.values()].find(({ policy }) => policy.name === name);
    if (lodger === undefined) return null;
    const { rules, prevent = [] } = lodger.policy;
    const all = [...rules, ...prevent];
    const index = all.findIndex((one) => one.name === rule);
    const one = all[index];
    return one === undefined ? null : { lodger, index, priority: one.priority ?? DENIED, tags: one.tags };
  }

  /** Counted for the policy that the host knows, by the instruments that it knows. */
  onMeasured({ number, measured: { measurements, refused } }: FromCell & { kind: "measured" }): void {
    const policy = this.#lodgers.get(number)?.policy;
    if (policy === undefined) return;
    const fit = measurements.filter((one) => isOf(one, policy.admitted.metadata.metrics?.[one.instrument]));
    const measured: Measured = { measurements: fit, refused: refused + measurements.length - fit.length };
    this.#options.onMeasured?.(policy, measured);
  }

  /** More than is looked at: it is counted as refused. */
  refuseMeasured({ number, measured: { measurements, refused } }: FromCell & { kind: "measured" }): void {
    const policy = this.#lodgers.get(number)?.policy;
    if (policy !== undefined)
      this.#options.onMeasured?.(policy, { measurements: [], refused: refused + measurements.length });
  }

  onLog({ policy, level, text }: FromCell & { kind: "log" }): void {
    if (![...this.#lodgers.values()].some((lodger) => lodger.policy.name === policy)) return;
    const line = this.#bounds.line(text, hostTime(0n));
    if (line !== null) this.#options.onLog(policy, level, line);
  }

  /** A fault of a policy that lives there, in the words of the cell, and not too many: each is an alert. */
  onFault({ number, code, message, hint }: FromCell & { kind: "fault" }): void {
    const policy = this.#lodgers.get(number)?.policy;
    if (policy === undefined || !OF_POLICY.test(code) || !Object.hasOwn(ERRORS, code)) return;
    if (!this.#faults.take(performance.now() * 1e6)) return void this.#untold++;
    const untold = this.#untold === 0 ? "" : ` (${this.#untold} faults before this were not told)`;
    this.#untold = 0;
    const error = new VedetteError(code as ErrorCode);
    error.message = message.slice(0, WORDS_MAX) + untold;
    this.#options.onFault(Object.assign(error, { hint: hint.slice(0, WORDS_MAX) }), policy);
  }

  tellSuppressed(isEnd: boolean): void {
    const time = BigInt(Date.now()) * 1_000_000n;
    for (const { policy, limiter } of this.#lodgers.values())
      for (const one of limiter.tell(hostTime(time), isEnd)) {
        const name = [...policy.rules, ...(policy.prevent ?? [])][one.rule]?.name ?? "";
        this.#options.onAlert(suppressedAlert(policy, name, one, time), -1);
      }
  }

  /** It is shown this of a stream. */
  show(stream: number, view: Batch): void {
    let shown = this.#shown.get(stream);
    if (shown === undefined) {
      for (const one of this.#shown.keys()) if (!this.#options.containers.has(one)) this.#shown.delete(one);
      shown = new Shown(view);
      this.#shown.set(stream, shown);
    }
    shown.add(view);
  }
}

/** Whether the instrument could have measured this. */
function isOf({ labels, value, buckets }: Measurement, instrument: Instrument | undefined): boolean {
  return (
    instrument !== undefined &&
    (labels === null || labels.length === instrument.labels.length) &&
    buckets.length === bucketsOf(instrument) &&
    (instrument.kind !== "counter" || value >= 0)
  );
}

/** No event lies ahead of the host's clock (capture/addon/future.h). */
function bounded(time: bigint): bigint {
  const latest = BigInt(Date.now()) * 1_000_000n + FUTURE_NS_MAX;
  return time < 0n ? 0n : time > latest ? latest : time;
}

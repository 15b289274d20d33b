// SPDX-License-Identifier: Apache-2.0
// A tenant's own process (`isolation: process`). The host reads the ring for it, makes the view that the
// tenant's scope allows, and sends nothing else. So other tenants' events are not even in its process. The
// process offers what the engine offers: add, replace, remove. If it ends or falls silent, the host starts it
// again with the same policies. If it does not keep up, it loses batches. The host counts these, and nobody
// waits.
//
// An attacker who breaks out of WebAssembly speaks for the cell. So the host treats its words as a peer's
// (cell-wire.ts). The host decides which policy an alert belongs to, in whose name it is raised, and how many
// alerts the cell may raise. It ends a cell that says nonsense, or too much, and starts it anew.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { ERRORS, type ErrorCode } from "../../build/generated/errors.js";
import { closeReader, openReader, RingReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import type { Priority } from "../finding/priority.js";
import type { Alert } from "../output/alert.js";
import { boundText } from "../output/alert-bounds.js";
import { builtFile } from "../paths.js";
import { bucketsOf, type Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";
import { type Batch, openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { SharedBounds } from "./bounds.js";
import { trustedFinding } from "./cell-finding.js";
import type { CellSeat, FromCell, SentPolicy, ToCell } from "./cell-messages.js";
import { HostEnd, readSaid } from "./cell-wire.js";
import type { EngineHandlers, SeatStatus } from "./engine.js";
import { groupingOf } from "./grouped.js";
import { jailCommand } from "./jail.js";
import { AlertLimiter, Bucket, hostTime, type Suppressed } from "./limiter.js";
import type { LoadedPolicy, Tenancy } from "./policy.js";
import { ScopedViews } from "./scope.js";
import { Shown } from "./shown.js";
import { signatureOf, suppressedAlert } from "./suppressed.js";

const POLL_MS = 5;
const BATCHES_A_TURN = 32;
/** Batches under way to the process: what it may be behind. */
const BEHIND_MAX = 256;
const SILENT_MS = 5000;
const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 60_000;
/** A swap's answer; the policy's init is watched in there. */
const ANSWER_MS_MAX = 30_000;
const FUTURE_NS_MAX = 5_000_000_000n;
/** Of a row of `prevent:` that names none. */
const DENIED: Priority = "Critical";
/** Node takes some 100 MiB; the rest is the compilers'. */
const NODE_MIB = 768;
/** The bounds of a tenant for which tenants.yaml gives none. */
const MEMORY_BYTES = 80 << 20;
/** An honest cell says five words a second beside its alerts and answers. */
const WORDS = { burst: 5_000, perMinute: 60_000 };

/** One tenant's process. `containers` is shared with whoever starts the cell, and read at every batch. */
export interface CellOptions {
  readonly tenancy: Tenancy;
  readonly ring: SharedArrayBuffer;
  readonly containers: ReadonlyMap<number, ContainerFacts>;
  readonly onAlert: (alert: Alert, stream: number) => void;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onLog: (policy: string, level: number, text: string) => void;
  readonly onMeasured?: EngineHandlers["onMeasured"];
  readonly onUnmeasured?: EngineHandlers["onUnmeasured"];
  /** For tests: what speaks for the cell instead. */
  readonly command?: { readonly execPath: string; readonly execArgv: readonly string[] };
}

/** A policy, and what its alerts may cost. */
interface Lodger {
  readonly policy: LoadedPolicy;
  readonly limiter: AlertLimiter;
}

interface Answer {
  readonly message: ToCell & { kind: "swap" };
  /** Who comes, if anybody does. */
  readonly lodger: Lodger | null;
  readonly resolve: (fault: string | null) => void;
  readonly timer: NodeJS.Timeout;
}

/** One tenant's process and what the host knows of it. The constructor starts it. */
export class Cell {
  readonly #options: CellOptions;
  readonly #reader: RingReader;
  readonly #readerIndex: number;
  readonly #policies = new Map<number, Lodger>();
  readonly #answers = new Map<number, Answer>();
  readonly #bounds: SharedBounds;
  #words = new Bucket(WORDS);
  /** Of measurements, which the workload causes: beyond it they are dropped, and then they are words. */
  #measures = new Bucket(WORDS);
  /** Streams of which it was shown something. */
  readonly #shown = new Map<number, Shown>();
  #host: HostEnd<ToCell, FromCell> | null = null;
  #seats: readonly CellSeat[] = [];
  #child: ChildProcess | null = null;
  #isReady = false;
  #sent = 0;
  #judged = 0;
  #lost = 0;
  #heardAt = 0;
  #next = 0;
  #again = AGAIN_MS;
  #isEnding = false;
  readonly #poll: NodeJS.Timeout;
  #finish: () => void = () => undefined;
  /** The ring ended and all was judged. */
  readonly finished: Promise<void>;

  constructor(options: CellOptions) {
    this.#options = options;
    this.#bounds = new SharedBounds({ tenancy: options.tenancy });
    this.#readerIndex = placeFor(options);
    this.#reader = new RingReader(options.ring, this.#readerIndex);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#start();
    this.#poll = setInterval(() => this.#turn(), POLL_MS);
  }

  /** Throws when the policy cannot start there. */
  async add(policy: LoadedPolicy): Promise<number> {
    return this.#swap(null, policy);
  }

  async replace(id: number, policy: LoadedPolicy): Promise<number> {
    return this.#swap(id, policy);
  }

  /** It stays known until the process has let it go: what it measured last is said before that. */
  async remove(id: number): Promise<void> {
    await this.#ask({ kind: "swap", number: this.#next++, out: id, policy: null }, null);
    this.#policies.delete(id);
  }

  status(): SeatStatus[] {
    return this.#seats.flatMap(({ number: id, ...seat }) => {
      const lodger = this.#policies.get(id);
      return lodger === undefined ? [] : [{ id, policy: lodger.policy, ...seat }];
    });
  }

  stop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#poll);
    closeReader(this.#options.ring, this.#readerIndex);
    this.#child?.kill("SIGKILL");
    this.#tellSuppressed(true);
    for (const number of [...this.#answers.keys()]) this.#answer(number, "its process was stopped");
    this.#finish();
  }

  async #swap(out: number | null, policy: LoadedPolicy): Promise<number> {
    const number = this.#next++;
    const lodger = { policy, limiter: new AlertLimiter(policy.tenancy?.alerts, this.#bounds.alerts) };
    const fault = await this.#ask({ kind: "swap", number, out, policy: sent(policy) }, lodger);
    if (fault !== null) throw new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason: fault });
    return number;
  }

  /** Resolves in any case: with its answer, with its end, or when it took too long. */
  #ask(message: ToCell & { kind: "swap" }, lodger: Lodger | null): Promise<string | null> {
    return new Promise((resolve) => {
      const late = `it gave no answer within ${ANSWER_MS_MAX / 1000} s`;
      const timer = setTimeout(() => this.#answer(message.number, late), ANSWER_MS_MAX);
      this.#answers.set(message.number, { message, lodger, resolve, timer });
      if (this.#isEnding) this.#answer(message.number, "its process was stopped");
      else if (this.#isReady) this.#send(message); // one that starts is asked when it is ready
    });
  }

  #answer(number: number, fault: string | null): void {
    const answer = this.#answers.get(number);
    if (answer === undefined) return;
    this.#answers.delete(number);
    clearTimeout(answer.timer);
    const { message, lodger } = answer;
    // At once: the process may have said in the same breath what the one that came has seen.
    if (fault === null && message.out !== null) this.#policies.delete(message.out);
    if (fault === null && lodger !== null) this.#policies.set(number, lodger);
    answer.resolve(fault);
  }

  #send(message: ToCell): void {
    this.#host?.tell(message); // a process that is gone is started again and then gets all of this anew
  }

  #start(): void {
    const { execPath, execArgv } = this.#options.command ?? jailCommand(memoryMib(this.#options.tenancy));
    const child = spawn(execPath, [...execArgv, builtFile("js/host/engine/cell-child.js")], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#isReady = false;
    this.#heardAt = performance.now();
    this.#sent = 0;
    this.#judged = 0;
    this.#words = new Bucket(WORDS);
    this.#measures = new Bucket(WORDS);
    let said = "";
    const end = (reason: string): void => {
      said = reason;
      child.kill("SIGKILL");
    };
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text).slice(-2048);
    });
    this.#host = new HostEnd(child.stdio[3] as Socket, {
      read: readSaid,
      onMessage: (message) => {
        if (this.#child !== child) return;
        const now = performance.now() * 1e6;
        if (message.kind === "measured" && this.#measures.take(now)) this.#hear(message);
        else if (!this.#words.take(now)) end("it said too much");
        else if (message.kind === "measured") this.#onTooMuch(message);
        else this.#hear(message);
      },
      onNonsense: end,
    });
    child.on("error", (error) => {
      said = error.message;
      if (child.pid === undefined) this.#onExit(child, said);
    });
    child.on("exit", (status, signal) => this.#onExit(child, said.trim().split("\n").at(-1) || `${signal ?? status}`));
  }

  #hear(message: FromCell): void {
    this.#heardAt = performance.now();
    switch (message.kind) {
      case "ready":
        this.#isReady = true;
        for (const [number, { policy }] of this.#policies)
          this.#send({ kind: "swap", number, out: null, policy: sent(policy) });
        for (const { message: asked } of this.#answers.values()) this.#send(asked);
        break;
      case "swapped":
        this.#answer(message.number, message.fault);
        break;
      case "alert":
        this.#onAlert(message);
        break;
      case "suppressed":
        this.#onSuppressed(message);
        break;
      case "fault":
        this.#options.onFault(faultOf(message), this.#policies.get(message.number)?.policy ?? null);
        break;
      case "log":
        this.#onLog(message);
        break;
      case "measured":
        this.#onMeasured(message);
        break;
      case "unmeasured": {
        const lodger = this.#policies.get(message.number);
        if (lodger !== undefined) this.#options.onUnmeasured?.(lodger.policy);
        break;
      }
      case "judged":
        this.#judged = Math.min(message.batches, this.#sent);
        this.#seats = message.seats;
        if (message.batches > 0) this.#again = AGAIN_MS;
        break;
      case "ended":
        this.stop();
    }
  }

  /** Raised in the name of the policy that the host knows, as grave as its rule is, and within its limit. */
  #onAlert({ policy: name, rule, stream, dedup = null, ...said }: FromCell & { kind: "alert" }): void {
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

  #onSuppressed({ policy: name, rule, time, container, count }: FromCell & { kind: "suppressed" }): void {
    const found = this.#ruleOf(name, rule);
    if (found === null) return;
    const suppressed: Suppressed = { rule: found.index, container, count };
    this.#options.onAlert(suppressedAlert(found.lodger.policy, rule, suppressed, bounded(time)), -1);
  }

  /** A rule, or a row of `prevent:`, of a policy that lives there. */
  #ruleOf(name: string, rule: string) {
    const lodger = [...this.#policies.values()].find(({ policy }) => policy.name === name);
    if (lodger === undefined) return null;
    const { rules, prevent = [] } = lodger.policy;
    const all = [...rules, ...prevent];
    const index = all.findIndex((one) => one.name === rule);
    const one = all[index];
    return one === undefined ? null : { lodger, index, priority: one.priority ?? DENIED, tags: one.tags };
  }

  /** Counted for the policy that the host knows, by the instruments that it knows. */
  #onMeasured({ number, measured: { measurements, refused } }: FromCell & { kind: "measured" }): void {
    const policy = this.#policies.get(number)?.policy;
    if (policy === undefined) return;
    const fit = measurements.filter((one) => isOf(one, policy.admitted.metadata.metrics?.[one.instrument]));
    const measured: Measured = { measurements: fit, refused: refused + measurements.length - fit.length };
    this.#options.onMeasured?.(policy, measured);
  }

  /** More than is looked at: it is counted as refused. */
  #onTooMuch({ number, measured: { measurements, refused } }: FromCell & { kind: "measured" }): void {
    const policy = this.#policies.get(number)?.policy;
    if (policy !== undefined)
      this.#options.onMeasured?.(policy, { measurements: [], refused: refused + measurements.length });
  }

  #onLog({ policy, level, text }: FromCell & { kind: "log" }): void {
    if (![...this.#policies.values()].some((lodger) => lodger.policy.name === policy)) return;
    const line = this.#bounds.line(text, hostTime(0n));
    if (line !== null) this.#options.onLog(policy, level, line);
  }

  #tellSuppressed(isEnd: boolean): void {
    const time = BigInt(Date.now()) * 1_000_000n;
    for (const { policy, limiter } of this.#policies.values())
      for (const one of limiter.tell(hostTime(time), isEnd)) {
        const name = [...policy.rules, ...(policy.prevent ?? [])][one.rule]?.name ?? "";
        this.#options.onAlert(suppressedAlert(policy, name, one, time), -1);
      }
  }

  /** Starts the process again, after a longer pause each time. All who wait for an answer get one. */
  #onExit(child: ChildProcess, reason: string): void {
    if (this.#child !== child || this.#isEnding) return;
    this.#child = null;
    this.#host = null;
    // The questions to this process are answered by its end. Later questions go to the next process.
    const asked = this.#isReady ? [...this.#answers.keys()] : [];
    this.#isReady = false;
    this.#lost += this.#sent - this.#judged;
    this.#tell("VEDETTE_CELL_LOST", reason);
    for (const { policy } of this.#policies.values())
      if ((policy.admitted.metadata.metrics ?? []).length > 0) this.#options.onUnmeasured?.(policy);
    for (const number of asked) this.#answer(number, "its process ended");
    setTimeout(() => this.#isEnding || this.#start(), this.#again).unref();
    this.#again = Math.min(this.#again * 2, AGAIN_MS_MAX);
  }

  #turn(): void {
    if (this.#isReady && performance.now() - this.#heardAt > SILENT_MS) {
      this.#child?.kill("SIGKILL");
      return;
    }
    for (let i = 0; i < BATCHES_A_TURN; i++) {
      const raw = this.#reader.next(0);
      if (raw === null) break;
      const batch = openChecked(raw.bytes);
      batch.container = this.#options.containers.get(raw.stream) ?? null;
      const view = new ScopedViews(batch).view(this.#options.tenancy.scope);
      if (view === null || this.#policies.size === 0) continue;
      if (!this.#isReady || this.#sent - this.#judged >= BEHIND_MAX || this.#host?.isFull !== false) {
        this.#lost++;
        continue;
      }
      this.#sent++;
      this.#show(raw.stream, view);
      this.#send({ kind: "batch", stream: raw.stream, bytes: Uint8Array.from(view.bytes), container: batch.container });
    }
    this.#reader.release();
    this.#bounds.begin({}); // a turn is the host's batch
    this.#tellSuppressed(false);
    if (this.#lost > 0 && this.#isReady) this.#tell("VEDETTE_CELL_BEHIND", "");
    if (!this.#reader.ended || this.#isEnding) return;
    if (this.#child === null) this.stop();
    else if (this.#isReady) {
      clearInterval(this.#poll);
      this.#send({ kind: "end" });
    }
  }

  #show(stream: number, view: Batch): void {
    let shown = this.#shown.get(stream);
    if (shown === undefined) {
      for (const one of this.#shown.keys()) if (!this.#options.containers.has(one)) this.#shown.delete(one);
      shown = new Shown(view);
      this.#shown.set(stream, shown);
    }
    shown.add(view);
  }

  #tell(code: "VEDETTE_CELL_LOST" | "VEDETTE_CELL_BEHIND", reason: string): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#options.onFault(new VedetteError(code, { tenant: this.#options.tenancy.tenant, reason, lost }), null);
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

/** For Node and its compilers, and for its policies. */
function memoryMib({ memoryBytes = MEMORY_BYTES }: Tenancy): number {
  return NODE_MIB + Math.ceil(memoryBytes / (1 << 20));
}

/** A place among the ring's readers. */
function placeFor({ ring, tenancy }: CellOptions): number {
  try {
    return openReader(ring);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new VedetteError("VEDETTE_CELL_FULL", { tenant: tenancy.tenant, reason: error.message }, { cause: error });
  }
}

function sent({ admitted, ...policy }: LoadedPolicy): SentPolicy {
  const { path, bytes, memory } = admitted;
  return { policy, path, bytes, memoryPages: memory.maximum };
}

/** The process said it in words; the code is checked, since it comes from there. */
function faultOf({ code, message, hint }: FromCell & { kind: "fault" }): VedetteError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "VEDETTE_POLICY_TRAPPED";
  const error = new VedetteError(known);
  error.message = message;
  return Object.assign(error, { hint });
}

// SPDX-License-Identifier: Apache-2.0
// One running policy: its memory, which the host makes and bounds, and the calls into it. The host believes
// nothing that comes out of it. It checks every address against the policy's memory and every record against
// the batch. A trap ends the instance, because a policy that stopped in the middle may be in any state. Its
// owner then makes a new one.
import { VedetteError } from "../errors.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Admitted } from "./admission.js";
import { writeFacts } from "./facts.js";
import { Frame, type FrameSource, type FrameStart } from "./frame.js";
import { type Measured, MetricsRegion } from "./metrics-region.js";
import { encodeSettings, type ParameterValues } from "./settings.js";

/** The most bytes of a text that a policy gives with an alert. */
export const ALERT_TEXT_MAX = 4096;
/**
 * The most bytes of a fact's key and of its value. A longer key tells no fact: cut, it would be another one.
 */
export const FACT_KEY_MAX = 256;
const FACT_VALUE_MAX = 1024;
const ABORT_TEXT_MAX = 512;
const LOG_TEXT_MAX = 1024;
/** Of a policy's state. */
export const STATE_MAX = 2 << 20;
const TEXT = new TextDecoder();
/** Of `vedette_metrics_dirty`: there is little room left. */
const MUCH = 2;

/** What a policy may cause. `record` is an offset into the batch's records. */
export interface PolicyEvents {
  onAlert(rule: number, record: number, text: string): void;
  onLog(level: number, text: string): void;
  /** `kind`: a number of the section's `facts`. `key` null: it is empty or too long. */
  onFact?(kind: number, record: number, key: string | null, value: string): void;
}

/** Why a call ended early, in a sentence, and at which record. */
export class Trap extends Error {
  override readonly name = "Trap";
  readonly record: number;
  constructor(reason: string, record: number) {
    super(reason);
    this.record = record;
  }
}

interface PolicyExports {
  readonly vedette_frame: WebAssembly.Global;
  readonly vedette_frame_size: WebAssembly.Global;
  readonly vedette_record?: WebAssembly.Global;
  readonly vedette_judge?: WebAssembly.Global;
  readonly vedette_fuel?: WebAssembly.Global;
  readonly vedette_facts?: WebAssembly.Global;
  readonly vedette_state?: WebAssembly.Global;
  readonly vedette_state_size?: WebAssembly.Global;
  readonly vedette_state_schema?: WebAssembly.Global;
  readonly vedette_state_dirty?: WebAssembly.Global;
  readonly vedette_metrics_dirty?: WebAssembly.Global;
  vedette_init(size: number): number;
  vedette_on_batch(size: number): number;
}

/**
 * What a policy keeps between batches: a view of its memory, good until the next call, and a word that says
 * what form it has.
 */
export interface PolicyState {
  readonly bytes: Uint8Array;
  readonly schema: bigint;
}

/** One running policy. After a trap, drop it and make another. */
export class PolicyInstance {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: PolicyExports;
  readonly #frame: Frame;
  readonly #canClear: boolean;
  /** Names of its rules, then of its meters. */
  readonly #judges: readonly string[];
  readonly #metrics: MetricsRegion | null;
  readonly #events: PolicyEvents;
  /** Which record of the batch `vedette_record` counts from. */
  #from: FrameStart = { index: 0, offset: 0 };
  #abort: string | null = null;
  /** What stands in its memory of the container. */
  #facts: ContainerFacts | null | undefined = undefined;

  private constructor(admitted: Admitted, events: PolicyEvents) {
    this.#events = events;
    this.#memory = new WebAssembly.Memory(admitted.memory);
    const instance = new WebAssembly.Instance(admitted.module, {
      env: { memory: this.#memory },
      vedette: {
        alert: (rule: number, record: number, text: number, size: number) =>
          this.#onAlert(rule >>> 0, record >>> 0, text, size),
        log: (level: number, text: number, size: number) =>
          this.#events.onLog(level, this.#text(text, size, LOG_TEXT_MAX)),
        fact: (kind: number, record: number, key: number, keySize: number, value: number, valueSize: number) =>
          this.#events.onFact?.(
            kind >>> 0,
            this.#recordAt(record),
            isKeySize(keySize >>> 0) ? this.#text(key, keySize, FACT_KEY_MAX) : null,
            this.#text(value, valueSize, FACT_VALUE_MAX),
          ),
        abort: (text: number, size: number, file: number, fileSize: number, line: number, column: number) =>
          this.#onAbort(
            this.#text(text, size, ABORT_TEXT_MAX),
            this.#text(file, fileSize, ABORT_TEXT_MAX),
            line,
            column,
          ),
      },
    });
    this.#exports = instance.exports as unknown as PolicyExports;
    this.#frame = new Frame(this.#memory, this.#exports.vedette_frame.value as number);
    this.#canClear = canSet(this.#exports.vedette_state_dirty);
    const { metrics, metadata } = admitted;
    this.#judges = [...metadata.rules, ...(metadata.meters ?? [])].map(({ name }) => name);
    this.#metrics =
      metrics === null ? null : new MetricsRegion(this.#memory, metrics.at, metrics.size, metadata.metrics ?? []);
  }

  /** Makes an instance and runs its init. Throws VEDETTE_POLICY_INIT when that fails. */
  static start(admitted: Admitted, parameters: ParameterValues, events: PolicyEvents): PolicyInstance {
    const policy = admitted.metadata.name;
    const instance = new PolicyInstance(admitted, events);
    const settings = encodeSettings(parameters, instance.#exports.vedette_frame_size.value as number, admitted.path);
    new Uint8Array(instance.#memory.buffer).set(settings, instance.#frame.at);
    const answer = instance.#call(() => instance.#exports.vedette_init(settings.length));
    if (answer instanceof Trap)
      throw new VedetteError("VEDETTE_POLICY_INIT", { policy, reason: answer.message }, { cause: answer });
    if (answer !== 0) throw new VedetteError("VEDETTE_POLICY_INIT", { policy, reason: `its init answered ${answer}` });
    return instance;
  }

  /**
   * Judges a batch, from a record on. Null when all of it was judged; the instance is of no use after a Trap.
   */
  judge(batch: FrameSource, from: FrameStart): Trap | null {
    this.#tell(batch.container ?? null);
    const size = this.#frame.write(batch, from);
    this.#from = from;
    const answer = this.#call(() => this.#exports.vedette_on_batch(size));
    if (answer instanceof Trap) return answer;
    return answer < 0 ? new Trap(`it answered ${answer} to a batch`, from.index) : null;
  }

  #tell(facts: ContainerFacts | null): void {
    const at = this.#exports.vedette_facts;
    if (at === undefined || this.#facts === facts) return;
    writeFacts(this.#memory.buffer, at.value as number, facts);
    this.#facts = facts;
  }

  /** Bytes of its memory now. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Null: it has none, or what it says of it is not true. */
  get state(): PolicyState | null {
    const at = globalNumber(this.#exports.vedette_state);
    const size = globalNumber(this.#exports.vedette_state_size);
    const schema = this.#exports.vedette_state_schema?.value;
    if (size === 0 || size > STATE_MAX || at + size > this.#memory.buffer.byteLength || typeof schema !== "bigint")
      return null;
    return { bytes: new Uint8Array(this.#memory.buffer, at, size), schema: BigInt.asUintN(64, schema) };
  }

  /** Whether its state may have changed since this was last asked. One that does not say always may have. */
  takeDirty(): boolean {
    const dirty = this.#exports.vedette_state_dirty;
    if (dirty === undefined || !this.#canClear) return true;
    if (dirty.value === 0) return false;
    dirty.value = 0;
    return true;
  }

  /** How much it wants to be asked what it has measured. */
  get measures(): "nothing" | "something" | "much" {
    const dirty = this.#exports.vedette_metrics_dirty?.value ?? 0;
    return dirty === 0 ? "nothing" : dirty === MUCH ? "much" : "something";
  }

  /** What it has measured since this was last asked; also after a trap, when nothing else may be asked. */
  takeMeasured(): Measured | null {
    if (this.#metrics === null || this.measures === "nothing") return null;
    (this.#exports.vedette_metrics_dirty as WebAssembly.Global).value = 0;
    return this.#metrics.take();
  }

  /** Instructions that it has run, when its module counts them (fuel.ts). */
  get fuel(): bigint {
    return (this.#exports.vedette_fuel?.value as bigint | undefined) ?? 0n;
  }

  #call(run: () => number): number | Trap {
    this.#abort = null;
    try {
      return run();
    } catch (error) {
      const reason = this.#abort ?? (error instanceof Error ? error.message : String(error));
      return new Trap(`${this.#judgeNow()}${reason}`, this.#recordNow());
    }
  }

  /** Which record it was at: what it says itself, since it may want to go on behind it. */
  #recordNow(): number {
    const said = this.#exports.vedette_record?.value;
    return this.#from.index + (typeof said === "number" ? said >>> 0 : 0);
  }

  /** Which of its rules and meters it was in, where it has several and says so. */
  #judgeNow(): string {
    const said = this.#exports.vedette_judge?.value;
    const name = typeof said === "number" ? this.#judges[said] : undefined;
    return name === undefined ? "" : `${name}: `;
  }

  #onAlert(rule: number, record: number, text: number, size: number): void {
    this.#events.onAlert(rule, this.#recordAt(record), this.#text(text, size, ALERT_TEXT_MAX));
  }

  /** The offset in the batch's records of an address that the policy gave. */
  #recordAt(address: number): number {
    return (address >>> 0) - this.#frame.records + this.#from.offset;
  }

  #onAbort(text: string, file: string, line: number, column: number): never {
    this.#abort = file === "" ? text : `${text} (${file}:${line}:${column})`;
    throw new WebAssembly.RuntimeError(this.#abort);
  }

  /**
   * Text at an address that the policy gave: what lies outside its memory is a trap, what is too long is cut.
   */
  #text(at: number, size: number, most: number): string {
    const start = at >>> 0;
    const length = size >>> 0;
    if (start + length > this.#memory.buffer.byteLength)
      throw new WebAssembly.RuntimeError("a text lies outside its memory");
    return TEXT.decode(new Uint8Array(this.#memory.buffer, start, Math.min(length, most)));
  }
}

const isKeySize = (size: number): boolean => size > 0 && size <= FACT_KEY_MAX;

function globalNumber(global: WebAssembly.Global | undefined): number {
  return typeof global?.value === "number" ? global.value >>> 0 : 0;
}

/** Whether the host may write it: a policy may have declared it constant. */
function canSet(global: WebAssembly.Global | undefined): boolean {
  if (global === undefined) return false;
  try {
    global.value = 1;
    return true;
  } catch {
    return false;
  }
}

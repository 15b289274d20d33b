// SPDX-License-Identifier: Apache-2.0
// A policy that says its way to an answer, one event at a time (rules-wasm/wire/trace.ts): for `vedette
// policy explain`. Each of its terms can be made to answer otherwise, and what an event has changed can be
// taken back: its globals are exported, and they and its memory are all that it has.
import type { ContainerFacts } from "../wire/container.js";
import { type Admitted, compiled, type Examined } from "./admission.js";
import { appended, exportedGlobal, rewritten } from "./edit.js";
import { FACTS_SIZE, writeFacts } from "./facts.js";
import { Frame, type FrameSource, type FrameStart } from "./frame.js";
import { readSections } from "./sections.js";
import { encodeSettings, type ParameterValues } from "./settings.js";

/** Limits of such a module: it is larger than the one that judges. */
export const TRACED_LIMITS = { moduleBytes: 16 << 20, memoryPages: 256, rulesMin: 0 } as const;

const EXPORT = 7;
const GLOBAL_NAME = "vedette_global_";
const TERMS_MAX = 4096;
const [TERM, TEXT, INTEGER, UNSIGNED, FLOAT, ANSWER] = [0, 1, 2, 3, 4, 5] as const;
/** What an absent number of an event is. */
const ABSENT = -(2n ** 63n);

/** What was said on the way: a term's answer, or a value that was looked at; null: it is not there. */
export interface Step {
  readonly id: number;
  readonly is: boolean | string | number | bigint | null;
}
/** A rule's way to its answer. */
export interface Way {
  readonly is: boolean;
  readonly steps: readonly Step[];
}
/** What one event led to. */
export interface Look {
  /** By the rule's number. */
  readonly ways: ReadonlyMap<number, Way>;
  /** Those that led to no rule's answer: of meters, and of a rule that ended early. */
  readonly rest: readonly Step[];
  /** Why it ended early, and the steps of the rule that did. */
  readonly trap: { readonly reason: string; readonly steps: readonly Step[] } | null;
}
/** All that an instance has. */
export interface Saved {
  readonly memory: Uint8Array;
  readonly globals: readonly unknown[];
}

interface Exports {
  readonly vedette_frame: WebAssembly.Global;
  readonly vedette_frame_size: WebAssembly.Global;
  readonly vedette_facts?: WebAssembly.Global;
  vedette_init(size: number): number;
  vedette_on_batch(size: number): number;
}

/** One instance. What it does to an event stays until restore(). */
export class TracedInstance {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #frame: Frame;
  readonly #globals: readonly WebAssembly.Global[];
  #trace = 0;
  #forced = 0;
  #reason: string | null = null;

  /** Throws an Error with the reason where its top does not come to an end. */
  static async start(examined: Examined, parameters: ParameterValues): Promise<TracedInstance> {
    const admitted = await compiled({ ...examined, bytes: exposed(examined.bytes, examined.path) });
    const self = new TracedInstance(admitted);
    const settings = encodeSettings(parameters, self.#exports.vedette_frame_size.value as number, admitted.path);
    new Uint8Array(self.#memory.buffer).set(settings, self.#frame.at);
    const reason = self.#run(() => self.#exports.vedette_init(settings.length));
    if (reason !== null) throw new Error(reason);
    return self;
  }

  private constructor({ memory, module }: Admitted) {
    this.#memory = new WebAssembly.Memory(memory);
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory: this.#memory },
      vedette: {
        alert: () => {},
        fact: () => {},
        log: (_level: number, at: number, size: number) => this.#onLog(this.#text(at, size)),
        abort: (at: number, size: number, file: number, fileSize: number, line: number, column: number) => {
          const place = fileSize === 0 ? "" : ` (${this.#text(file, fileSize)}:${line}:${column})`;
          this.#reason = `${this.#text(at, size)}${place}`;
          throw new WebAssembly.RuntimeError(this.#reason);
        },
      },
    });
    this.#exports = exports as unknown as Exports;
    this.#frame = new Frame(this.#memory, this.#exports.vedette_frame.value as number);
    const names = Object.keys(exports).filter((name) => name.startsWith(GLOBAL_NAME));
    this.#globals = names.map((name) => exports[name] as WebAssembly.Global);
  }

  /** Judges one record; `forced`: terms that are to answer so. */
  look(batch: FrameSource, from: FrameStart, forced: ReadonlyMap<number, boolean> = new Map()): Look {
    this.#tell(batch.container ?? null);
    const size = this.#frame.write(batch, from);
    const answers = new Uint8Array(this.#memory.buffer, this.#forced, TERMS_MAX).fill(0);
    for (const [id, is] of forced) answers[id] = is ? 2 : 1;
    const reason = this.#run(() => this.#exports.vedette_on_batch(size));
    return this.#read(reason);
  }

  /** Behind the frame: that is written anew for each record. */
  save(): Saved {
    return { memory: this.#own().slice(), globals: this.#globals.map((one) => one.value as unknown) };
  }

  restore({ memory, globals }: Saved): void {
    this.#own().set(memory);
    for (const [i, one] of this.#globals.entries()) one.value = globals[i];
  }

  #own(): Uint8Array {
    const end = this.#frame.at + (this.#exports.vedette_frame_size.value as number);
    return new Uint8Array(this.#memory.buffer, end);
  }

  #tell(facts: ContainerFacts | null): void {
    const at = this.#exports.vedette_facts?.value as number | undefined;
    if (at !== undefined && at + FACTS_SIZE <= this.#memory.buffer.byteLength)
      writeFacts(this.#memory.buffer, at, facts);
  }

  #run(call: () => number): string | null {
    this.#reason = null;
    try {
      call();
      return null;
    } catch (error) {
      return this.#reason ?? (error as Error).message;
    }
  }

  /** Its first line says where things are; the author's own lines are nothing to us. */
  #onLog(line: string): void {
    if (this.#trace === 0) [this.#trace = 0, this.#forced = 0] = line.split(" ").map(Number);
  }

  #text(at: number, size: number): string {
    return Buffer.from(new Uint8Array(this.#memory.buffer, at >>> 0, size >>> 0)).toString();
  }

  #read(reason: string | null): Look {
    const view = new DataView(this.#memory.buffer, this.#trace);
    const used = view.getUint32(0, true);
    const ways = new Map<number, Way>();
    let steps: Step[] = [];
    for (let at = 4; at < used; ) {
      const [kind, id, size] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
      const is = this.#value(kind, view, at + 12, size);
      if (kind !== ANSWER) steps.push({ id, is });
      else {
        ways.set(id, { is: is === true, steps });
        steps = [];
      }
      at += 12 + ((size + 3) & ~3);
    }
    return { ways, rest: steps, trap: reason === null ? null : { reason, steps } };
  }

  #value(kind: number, view: DataView, at: number, size: number): Step["is"] {
    switch (kind) {
      case TERM:
      case ANSWER:
        return view.getUint32(at, true) !== 0;
      case TEXT:
        return this.#text(this.#trace + at, size);
      case INTEGER:
        return view.getBigInt64(at, true) === ABSENT ? null : view.getBigInt64(at, true);
      case UNSIGNED:
        return view.getBigUint64(at, true);
      case FLOAT:
        return view.getFloat64(at, true);
      default:
        return null;
    }
  }
}

/** The module with all globals that change among its exports. */
function exposed(module: Uint8Array, path: string): Uint8Array<ArrayBuffer> {
  const { globals } = readSections(module, path);
  const changing = [...globals.keys()].filter((i) => globals[i]?.isMutable === true);
  return rewritten(module, path, (id, content) =>
    id === EXPORT
      ? changing.reduce((so, i) => appended(so, exportedGlobal(`${GLOBAL_NAME}${i}`, i), path), content)
      : content,
  );
}

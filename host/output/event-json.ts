// SPDX-License-Identifier: Apache-2.0
// An event as one flat JSON object of Falco's names, for `vedette trace --json`. A line a call has to keep up
// with the workload: for each event type the keys are put together once, what a process or a descriptor adds
// is written once a batch, and texts that the batch holds once are escaped once.
import type { EventType } from "../../build/generated/events.js";
import { HEADER_SIZE } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { PerEvent } from "../wire/per-event.js";
import { descriptorAt, numberOf, processAt, tidOf, tierOf, timeOf } from "../wire/record.js";
import { paramText } from "../wire/render.js";
import { jsonText } from "./json.js";

/** Writes one value, as JSON, of the record at `at`. */
type Part = (batch: Batch, at: number) => string;

const ABOUT_PROCESS = ["proc.name", "proc.exepath", "proc.cmdline", "proc.pid", "proc.ppid"];
const ABOUT_DESCRIPTOR = ["fd.name", "fd.realpath", "fd.type"];
/** Parameters whose text is a function of their bytes alone. */
const PURE = new Set(["str", "bytes", "strlist", "sockaddr", "addr"]);

/**
 * Writes events as JSON lines. It caches texts of the batch at hand, so give it one batch after the other.
 */
export class EventJson {
  readonly #plans = new PerEvent<readonly Part[]>((event) => this.#plan(event));
  readonly #remembered: Remembered[] = [];
  readonly #process = this.#remember((batch, at) => members(batch, at, ABOUT_PROCESS));
  readonly #descriptor = this.#remember((batch, at) => members(batch, at, ABOUT_DESCRIPTOR));
  #batch: Batch | undefined;

  /** The object, without a line feed. */
  line(batch: Batch, at: number): string {
    if (batch !== this.#batch) this.#begin(batch);
    let line = `{"evt.num":${numberOf(batch, at)},"evt.time":${timeOf(batch, at)}`;
    for (const part of this.#plans.of(batch, at)) line += part(batch, at);
    return line;
  }

  #begin(batch: Batch): void {
    this.#batch = batch;
    for (const remembered of this.#remembered) remembered.clear();
  }

  #plan(event: EventType): readonly Part[] {
    const field = (name: string): Part => {
      const get = fieldValue(name);
      if (get === undefined) throw new Error(`there is no field ${name}`);
      return (batch, at) => `,"${name}":${jsonText(get(batch, at))}`;
    };
    const hasBuffer = event.params.some((param) => param.type === "bytes");
    return [
      constant(`,"evt.type":${JSON.stringify(event.name)}`),
      field("evt.rawres"),
      field("evt.res"),
      ...event.params.map((param) => this.#argument(event, param)),
      ...(hasBuffer ? [field("evt.buffer")] : []),
      field("fd.num"),
      (batch, at) => this.#descriptor.of(batch, at, descriptorAt(batch, at)),
      (batch, at) => this.#process.of(batch, at, processAt(batch, at)),
      (batch, at) => `,"thread.tid":${tidOf(batch, at)},"vedette.tier":"${tierOf(batch, at)}"}`,
    ];
  }

  #argument(event: EventType, param: EventType["params"][number]): Part {
    const text = paramText(event, param);
    const key = `,"evt.arg.${param.name}":`;
    const value: Part = (batch, at) => jsonText(text(batch, at));
    if (param.slot < 0 || !PURE.has(param.type)) return (batch, at) => key + value(batch, at);
    const texts = this.#remember(value);
    const slot = HEADER_SIZE + 8 * param.slot;
    return (batch, at) => {
      const view = batch.recordView;
      // One number for the span: a size is at most 2^20.
      const span = view.getUint32(at + slot, true) * 0x200000 + view.getUint32(at + slot + 4, true);
      return key + texts.of(batch, at, span);
    };
  }

  #remember(write: Part): Remembered {
    const remembered = new Remembered(write);
    this.#remembered.push(remembered);
    return remembered;
  }
}

/**
 * Texts that hold for one batch, by what stands for them there: the place of an entry, a span. Written at the
 * first use.
 */
class Remembered {
  readonly #texts = new Map<number, string>();
  readonly #write: Part;

  constructor(write: Part) {
    this.#write = write;
  }

  of(batch: Batch, at: number, key: number): string {
    let text = this.#texts.get(key);
    if (text === undefined) {
      text = this.#write(batch, at);
      this.#texts.set(key, text);
    }
    return text;
  }

  clear(): void {
    this.#texts.clear();
  }
}

const constant =
  (text: string): Part =>
  () =>
    text;

const getters = new Map(ABOUT_PROCESS.concat(ABOUT_DESCRIPTOR).map((name) => [name, fieldValue(name)]));

function members(batch: Batch, at: number, names: readonly string[]): string {
  return names.map((name) => `,"${name}":${jsonText(getters.get(name)?.(batch, at) ?? null)}`).join("");
}

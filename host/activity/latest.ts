// SPDX-License-Identifier: Apache-2.0
// The newest lines of a view in the order of time: programs executed, files opened, every event. A batch is
// read from its end, and of each batch a few lines alone are written: whoever looks could read no more. What
// was left out is counted.
import type { EventType } from "../../build/generated/events.js";
import { EventText } from "../output/event-text.js";
import type { Batch } from "../wire/batch.js";
import { nameOf } from "../wire/descriptor.js";
import { fieldValue } from "../wire/fields.js";
import { EVENT_OF_ID, PROCESS_AT } from "../wire/layout.js";
import { commandLine, processText } from "../wire/process.js";
import { descriptorAt, eventOf, processAt, resultOf, timeOf, typeOf } from "../wire/record.js";
import { containerName, cut, int, userOf } from "./subject.js";
import type { Log } from "./views.js";

/** Lines that are kept. */
export const LINES_MAX = 200;
const LINES_A_BATCH_MAX = 50;

/** Writes the cells of one line, behind its time. */
type Write = (batch: Batch, at: number, process: number) => readonly string[];

interface LogKind {
  /** Of which events; null: of all. */
  readonly is: ((event: EventType) => boolean) | null;
  readonly write: Write;
}

const OPENS = new Set(["open", "openat", "openat2", "creat", "open_by_handle_at"]);
const CONNECTS = new Set(["connect", "accept", "accept4"]);
const [BUFFER, RESULT, NAME] = [fieldValue("evt.buffer"), fieldValue("evt.res"), fieldValue("fd.name")];
const text = new EventText();
const nameIn = (batch: Batch, process: number): string => cut(processText(batch, process, PROCESS_AT.name as number));
const resultIn = (batch: Batch, at: number): string => {
  const result = resultOf(batch, at);
  return result !== null && result >= 0 ? String(result) : String(RESULT?.(batch, at) ?? "");
};

const KINDS: Readonly<Record<Log, LogKind>> = {
  users: {
    is: ({ name }) => name.startsWith("execve"),
    write: (batch, at, process) => [
      ...[userOf(batch, process), int(batch, process, "pid"), cut(String(PARENT?.(batch, at) ?? ""))],
      ...[containerName(batch, at), cut(commandLine(batch, process))],
    ],
  },
  opens: {
    is: ({ name }) => OPENS.has(name),
    write: (batch, at, process) => [
      ...[resultIn(batch, at), nameIn(batch, process), int(batch, process, "pid")],
      cut(String(NAME?.(batch, at) ?? ARGUMENT?.(batch, at) ?? "")),
    ],
  },
  connects: {
    is: ({ name }) => CONNECTS.has(name),
    write: (batch, at, process) => [
      ...[eventOf(batch, at).name, resultIn(batch, at), nameIn(batch, process), int(batch, process, "pid")],
      cut(nameOf(batch, descriptorAt(batch, at))),
    ],
  },
  echo: {
    is: ({ params }) => params.some(({ type }) => type === "bytes"),
    write: (batch, at, process) => [
      ...[int(batch, process, "pid"), eventOf(batch, at).name, resultIn(batch, at)],
      ...[cut(nameOf(batch, descriptorAt(batch, at))), cut(String(BUFFER?.(batch, at) ?? ""))],
    ],
  },
  events: {
    is: null,
    write: (batch, at, process) => [int(batch, process, "pid"), cut(afterTime(text.line(batch, at)))],
  },
};
const [PARENT, ARGUMENT] = [fieldValue("proc.pname"), fieldValue("evt.arg.name")];
/** What stands before the program's name in a line of EventText: the thread and the time. */
const BEFORE = /^\S+\s+\S+\s+/;
const afterTime = (line: string): string => line.replace(BEFORE, "");

/** One line: a key that no other has, and its cells. */
export interface Line {
  readonly key: string;
  readonly cells: readonly string[];
}

/** The lines of one view. */
export class Latest {
  readonly #write: Write;
  /** By event id; null: all. */
  readonly #types: ReadonlySet<number> | null;
  #lines: Line[] = [];
  #number = 0;
  #leftOut = 0;

  constructor(log: Log) {
    const { is, write } = KINDS[log];
    this.#write = write;
    this.#types =
      is === null ? null : new Set(EVENT_OF_ID.flatMap((event, id) => (event !== undefined && is(event) ? [id] : [])));
  }

  /** Lines that were not written, or are gone. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get size(): number {
    return this.#lines.length;
  }

  add(batch: Batch, offsets: ArrayLike<number>): void {
    const fresh: Line[] = [];
    for (let i = offsets.length - 1; i >= 0; i--) {
      const at = offsets[i] as number;
      if (this.#types !== null && !this.#types.has(typeOf(batch, at))) continue;
      if (fresh.length === LINES_A_BATCH_MAX) this.#leftOut++;
      else fresh.push(this.#line(batch, at));
    }
    if (fresh.length === 0) return;
    const all = [...fresh, ...this.#lines];
    this.#leftOut += Math.max(0, all.length - LINES_MAX);
    this.#lines = all.slice(0, LINES_MAX);
  }

  /** The newest first. */
  newest(limit: number): readonly Line[] {
    return this.#lines.slice(0, limit);
  }

  #line(batch: Batch, at: number): Line {
    const cells = [String(timeOf(batch, at)), ...this.#write(batch, at, processAt(batch, at))];
    return { key: String(this.#number++), cells };
  }
}

// SPDX-License-Identifier: Apache-2.0
// What happens, as a table: batches go in, the rows of one view come out. It runs where the batches are, in
// the host or in `vedette top` itself, so that the events of a second become a few rows before anybody writes
// or sends them. It knows no terminal and no clock. Memory is bounded by rows.ts and latest.ts.
import type { Batch } from "../wire/batch.js";
import { EVENT_OF_ID } from "../wire/layout.js";
import { timeOf } from "../wire/record.js";
import { Latest } from "./latest.js";
import type { OpenFiles } from "./open-files.js";
import { type Row, Rows } from "./rows.js";
import { SUBJECTS } from "./subject.js";
import { topOf } from "./top-of.js";
import { type Log, type ViewFacts, type ViewId, viewOf } from "./views.js";

export { OpenFiles } from "./open-files.js";
export { TEXT_CUT } from "./subject.js";
export { type Column, type Drill, type Log, type Unit, VIEWS, type ViewFacts, type ViewId, viewOf } from "./views.js";

/** The rows of a view at one moment. */
export interface Table {
  readonly view: string;
  /** What `rate` columns are of. */
  readonly seconds: number;
  /** Events since the beginning, of those that the filter lets in. */
  readonly events: number;
  /** Events a second. */
  readonly rate: number;
  /** Rows that there are; `rows` may have fewer. */
  readonly all: number;
  /** Events of rows that had to go, or lines that were left out. */
  readonly leftOut: number;
  /** A key that stays, and the cells in the order of the view's columns; a time is ns since the epoch. */
  readonly rows: readonly (readonly [key: string, ...cells: readonly (string | number)[]])[];
}

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const [NEITHER, IN, OUT] = [0, 1, 2] as const;
const READS = new Set("read pread readv preadv preadv2 recvfrom recvmsg".split(" "));
const WRITES = new Set("write pwrite writev pwritev pwritev2 sendto sendmsg sendfile".split(" "));
const OPENS = new Set("open openat openat2 creat open_by_handle_at".split(" "));
/** By event id: which way bytes go. */
const WAYS = Uint8Array.from(EVENT_OF_ID, (event) =>
  event === undefined ? NEITHER : READS.has(event.name) ? IN : WRITES.has(event.name) ? OUT : NEITHER,
);
const IS_OPEN = Uint8Array.from(EVENT_OF_ID, (event) => (event !== undefined && OPENS.has(event.name) ? 1 : 0));
const EXIT = EVENT_OF_ID.findIndex((event) => event?.name === "procexit");
const NS_PER_S = 1e9;
/** Of an agent's source in the key of a process, as the API's other keys have it. */
const SOURCE_BYTES = 4;

/** What is known of a row beside its events. Null: it is not known. */
export interface RowFacts {
  /** Findings about the process or container of this key, since Vedette began; null too where forgotten. */
  findings(key: string): number | null;
  /** Descriptors that the process of this key has open now. */
  openFiles(key: string): number | null;
}

/** Nothing is judged, and no process is looked at. */
export const NO_FACTS: RowFacts = { findings: () => null, openFiles: () => null };

/** Of a process's key, `source/pid@start`, the last two as OpenFiles takes them. */
export function openFilesBy(files: OpenFiles): RowFacts["openFiles"] {
  return (key) => {
    const [, pid = "", start = ""] = /\/(\d+)@(\d+)$/.exec(key) ?? [];
    return files.of(pid, start);
  };
}

/** To ask the kernel about thousands of processes takes too long: rows are not chosen by it. */
const NOT_CHOSEN_BY = "FDS";

/** What a column of numbers shows of a row. Text columns take the row's texts in their order. */
const MEASURES: Readonly<Record<string, (row: Row, seconds: number, facts: RowFacts) => number | null>> = {
  FINDINGS: ({ key }, _seconds, facts) => facts.findings(key),
  FDS: ({ key }, _seconds, facts) => facts.openFiles(key),
  "EV/S": rate,
  "CALLS/S": rate,
  "COUNT/S": rate,
  EVENTS: ({ events }) => events,
  OPS: ({ events }) => events,
  CALLS: ({ events }) => events,
  COUNT: ({ events }) => events,
  IN: ({ bytesIn }) => Math.min(bytesIn, SAFE_MAX),
  OUT: ({ bytesOut }) => Math.min(bytesOut, SAFE_MAX),
  OPENS: ({ opens }) => opens,
  ERRORS: ({ errors }) => errors,
  TIME: ({ ns }) => Math.min(ns, SAFE_MAX),
  AVG: ({ ns, events }) => Math.round(ns / Math.max(1, events)),
};

function rate({ recent }: Row, seconds: number): number {
  return Math.round((recent / Math.max(seconds, 1e-3)) * 10) / 10;
}

/** The tables of one view. */
export class Activity {
  readonly #view: ViewFacts;
  readonly #latest: Latest | null;
  readonly #rows = new Rows();
  /** Rows of ended processes stay: all is shown at the end. */
  readonly #keepsAll: boolean;
  readonly #facts: RowFacts;
  #events = 0;
  #recent = 0;
  #first: bigint | null = null;
  #last = 0n;

  constructor(view: ViewId, keepsAll = false, facts: RowFacts = NO_FACTS) {
    this.#facts = facts;
    this.#view = viewOf(view)!;
    this.#latest = this.#view.sort === null ? new Latest(view as Log) : null;
    this.#keepsAll = keepsAll;
  }

  /** The records of a batch that count: all, or those that a filter found. */
  add(batch: Batch, offsets: ArrayLike<number> = batch.offsets): void {
    const count = offsets.length;
    if (count === 0) return;
    this.#events += count;
    this.#recent += count;
    this.#first ??= timeOf(batch, offsets[0] as number);
    this.#last = timeOf(batch, offsets[count - 1] as number);
    if (this.#latest === null) this.#count(batch, offsets);
    else this.#latest.add(batch, offsets);
  }

  /** `seconds`: since the last table; undefined: as the events' own times say. */
  table(limit: number, seconds = this.#span()): Table {
    const { id, sort } = this.#view;
    const rows = this.#latest?.newest(limit).map(({ key, cells }) => [key, ...cells] as const);
    const table: Table = {
      view: id,
      seconds,
      events: this.#events,
      rate: Math.round(this.#recent / Math.max(seconds, 1e-3)),
      all: this.#latest?.size ?? this.#rows.size,
      leftOut: this.#latest?.leftOut ?? this.#rows.droppedEvents,
      rows: rows ?? this.#bestOf(sort as string, seconds, limit),
    };
    if (!this.#keepsAll) this.#begin();
    return table;
  }

  #begin(): void {
    this.#recent = 0;
    for (const row of this.#rows.values()) {
      if (row.hasEnded) this.#rows.forget(row); // it was shown with all that it did
      row.recent = 0;
    }
  }

  #span(): number {
    return this.#first === null ? 0 : Number(this.#last - this.#first) / NS_PER_S;
  }

  #count(batch: Batch, offsets: ArrayLike<number>): void {
    const isOfProcesses = this.#view.id === "processes";
    const source = isOfProcesses ? Buffer.from(batch.source).toString("hex", 0, SOURCE_BYTES) : "";
    const rowOf = SUBJECTS[this.#view.id as ViewId]!(batch, this.#rows, source);
    const view = batch.recordView;
    for (let i = 0; i < offsets.length; i++) {
      const at = offsets[i] as number;
      const row = rowOf(at);
      if (row === null) continue;
      const type = view.getUint16(at, true);
      const high = view.getInt32(at + 28, true); // -1: an errno; INT64_MIN's half: it never returned
      row.events++;
      row.recent++;
      row.ns += view.getUint32(at + 32, true);
      if (high === -1) row.errors++;
      const way = WAYS[type];
      if (way !== NEITHER && high === 0) {
        if (way === IN) row.bytesIn += view.getUint32(at + 24, true);
        else row.bytesOut += view.getUint32(at + 24, true);
      }
      row.opens += IS_OPEN[type] as number;
      if (type === EXIT && isOfProcesses) row.hasEnded = true;
    }
    this.#rows.trim();
  }

  /** The best of each column that can be sorted by, so that whoever looks may sort without asking again. */
  #bestOf(sort: string, seconds: number, limit: number): Table["rows"] {
    const { columns } = this.#view;
    const [rows, facts] = [this.#rows.values(), this.#facts];
    const best = new Set<Row>();
    const counted = columns.filter(({ name }) => MEASURES[name] !== undefined && name !== NOT_CHOSEN_BY);
    const ordered = [...counted.filter(({ name }) => name === sort), ...counted.filter(({ name }) => name !== sort)];
    if (rows.length <= limit) for (const row of rows) best.add(row);
    else
      for (const { name } of ordered) {
        const measure = MEASURES[name]!;
        for (const row of topOf(rows, (one) => measure(one, seconds, facts) ?? 0, limit)) best.add(row);
      }
    return [...best].map((row) => {
      let texts = 0;
      const cell = (name: string): string | number => {
        const measure = MEASURES[name];
        return (measure === undefined ? row.texts[texts++] : measure(row, seconds, facts)) ?? "";
      };
      return [row.key, ...columns.map(({ name }) => cell(name))] as const;
    });
  }
}

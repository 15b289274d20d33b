// SPDX-License-Identifier: Apache-2.0
// Live events as server-sent events (HTML standard, 9.2): a condition of Falco's as filter, each stream's own
// view of a batch, and bounds on all of it. Events are made into text only while whoever asked has room for
// them. What did not fit is counted, and said in an event `gap`, so that nobody takes a part for the whole.
//
//   event: event                        event: gap                          : (a comment, so that proxies know the stream to live)
//   data: {"evt.num":1,...}             data: {"missed":17,"batches":0}
import type { ServerResponse } from "node:http";
import { OpenFiles, openFilesBy, type RowFacts, type ViewId } from "../activity/activity.js";
import { ScopedViews } from "../engine/scope.js";
import type { Filter } from "../falco/falco.js";
import { EventJson } from "../output/event-json.js";
import { quoteLarge } from "../output/numbers.js";
import type { Batch } from "../wire/batch.js";
import type { Conditions } from "./condition.js";
import type { Found } from "./found.js";
import { Problem } from "./problem.js";
import { Tables, type TablesAsked } from "./tables.js";
import { ownerOf, shareOf, type Viewer } from "./viewer.js";

/** Live streams at once, of all viewers together, but for the places that one of them has for itself. */
const STREAMS_MAX = 8;
/** `own`: whatever others have open. `most`: where there is room. */
interface Places {
  readonly own: number;
  readonly most: number;
}
const PLACES_OF_OPERATOR: Places = { own: 2, most: STREAMS_MAX };
/** Of all who may only look. */
const PLACES_OF_ONLOOKERS: Places = { own: 1, most: 4 };
const PLACES_OF_TENANT: Places = { own: 1, most: 2 };
const WAITING_BYTES_MAX = 1 << 20;
/** Lines of a batch that one stream may have, and all of them: a turn of the main thread stays short. */
const LINES_PER_BATCH_MAX = { ofOne: 1_000, ofAll: 8_000 };
/**
 * And a second. A line takes the host some 7 µs until it is with the reader: one stream takes 4 % of a core
 * at most, and all together 15 %, however much happens.
 */
const LINES_A_SECOND_MAX = { ofOne: 5_000, ofAll: 20_000 };
const COMMENT_MS = 15_000;
/** Whoever reads nothing for so long is gone. */
const STUCK_MS = 30_000;

interface Stream {
  readonly response: ServerResponse;
  readonly viewer: Viewer;
  readonly filter: Filter | null;
  readonly form: EventJson;
  /** Null: it has each event. */
  readonly tables: Tables | null;
  /** Lines that it may have now, and since when: those of a second at most. */
  lines: { left: number; at: number };
  missed: number;
  missedBatches: number;
  /** Since when nothing could be written; null: it can. */
  stuckSince: number | null;
}

/** All live streams of events. A stream that takes nothing for too long is closed. */
export class EventStreams {
  readonly #conditions: Conditions;
  readonly #found: Found;
  readonly #files = new OpenFiles();
  readonly #streams = new Set<Stream>();
  /** Who waits for a condition to be compiled: that can take seconds, and takes the place of a stream. */
  readonly #opening = new Set<{ readonly viewer: Viewer }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(found: Found, conditions: Conditions) {
    this.#found = found;
    this.#conditions = conditions;
  }

  get size(): number {
    return this.#streams.size;
  }

  /**
   * `shown`: tables of events in place of the events. Throws a Problem where the condition is wrong, or where
   * there are streams enough.
   */
  async open(
    response: ServerResponse,
    viewer: Viewer,
    condition: string | undefined,
    shown: TablesAsked | null = null,
  ): Promise<void> {
    this.#checkRoom(viewer);
    const filter = condition === undefined ? null : await this.#filterFor(viewer, condition);
    if (response.destroyed) return;
    const stream: Stream = {
      response,
      viewer,
      filter,
      form: new EventJson(),
      tables: shown === null ? null : new Tables(response, shown, this.#factsFor(viewer, shown.view)),
      lines: { left: LINES_A_SECOND_MAX.ofOne, at: performance.now() },
      missed: 0,
      missedBatches: 0,
      stuckSince: null,
    };
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write("retry: 2000\n\n");
    this.#streams.add(stream);
    response.once("close", () => this.#leave(stream));
    response.on("error", () => undefined);
    response.on("drain", () => {
      stream.stuckSince = null;
      tellGap(stream);
    });
    this.#timer ??= setInterval(() => this.#look(), COMMENT_MS).unref();
  }

  /** Shows a batch to all who ask. A filter that fails ends its own stream alone. */
  add(batch: Batch): void {
    if (this.#streams.size === 0) return;
    const views = new ScopedViews(batch);
    const now = performance.now();
    const linesMax = shareOfOne(LINES_PER_BATCH_MAX, this.#streams.size);
    const aSecond = shareOfOne(LINES_A_SECOND_MAX, this.#streams.size);
    for (const stream of this.#streams) {
      const view = views.view(stream.viewer.kind === "operator" ? null : stream.viewer.scope);
      if (view === null) continue;
      refill(stream, aSecond, now);
      try {
        show(stream, view, Math.min(linesMax, Math.floor(stream.lines.left)));
      } catch {
        stream.response.destroy();
      }
    }
  }

  /** So many batches were overtaken before anybody here saw them. */
  miss(batches: number): void {
    for (const stream of this.#streams) {
      stream.missedBatches += batches;
      if (stream.tables !== null && stream.stuckSince === null) tellGap(stream);
    }
  }

  close(): void {
    for (const { response, tables } of this.#streams) {
      tables?.finish();
      response.end();
    }
    this.#streams.clear();
    this.#rest();
  }

  #leave(stream: Stream): void {
    stream.tables?.close();
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#rest();
  }

  #rest(): void {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }

  #look(): void {
    const now = performance.now();
    for (const stream of this.#streams) {
      const { response, stuckSince } = stream;
      if (stuckSince !== null && now - stuckSince > STUCK_MS) response.destroy();
      else if (stuckSince === null) response.write(":\n\n");
    }
  }

  async #filterFor(viewer: Viewer, condition: string): Promise<Filter> {
    const opening = { viewer };
    this.#opening.add(opening);
    try {
      return await this.#conditions.filterOf(ownerOf(viewer), condition);
    } finally {
      this.#opening.delete(opening);
    }
  }

  #factsFor(viewer: Viewer, view: ViewId): RowFacts {
    const found = this.#found;
    const of = (key: string) => (view === "containers" ? found.ofContainer(viewer, key) : found.ofProcess(viewer, key));
    return { findings: (key) => of(key).findings, openFiles: openFilesBy(this.#files) };
  }

  #checkRoom(viewer: Viewer): void {
    const all = [...this.#streams, ...this.#opening];
    const have = all.filter((one) => shareOf(one.viewer) === shareOf(viewer)).length;
    const { own, most } = placesOf(viewer);
    if (have < own || (have < most && all.length < STREAMS_MAX)) return;
    throw new Problem(503, "There are as many streams of events as may be.");
  }
}

function placesOf(viewer: Viewer): Places {
  if (viewer.kind === "tenant") return PLACES_OF_TENANT;
  return viewer.mayAct ? PLACES_OF_OPERATOR : PLACES_OF_ONLOOKERS;
}

/** Of lines that all streams share. */
function shareOfOne({ ofOne, ofAll }: { readonly ofOne: number; readonly ofAll: number }, streams: number): number {
  return Math.min(ofOne, Math.floor(ofAll / streams));
}

function refill({ lines }: Stream, aSecond: number, now: number): void {
  lines.left = Math.min(aSecond, lines.left + ((now - lines.at) / 1_000) * aSecond);
  lines.at = now;
}

function show(stream: Stream, batch: Batch, linesMax: number): void {
  const { response, filter, form, tables } = stream;
  const found = filter === null ? batch.offsets : filter.matching(batch);
  if (tables !== null) {
    tables.add(batch, found);
    return;
  }
  let text = "";
  let lines = 0;
  for (const at of found) {
    const hasRoom = response.writableLength + text.length < WAITING_BYTES_MAX && lines < linesMax;
    if (!hasRoom) {
      stream.missed += found.length - lines;
      break;
    }
    text += `event: event\ndata: ${quoteLarge(form.line(batch, at))}\n\n`;
    lines++;
  }
  stream.lines.left -= lines;
  if (text !== "" && !response.write(text)) stream.stuckSince ??= performance.now();
  if (stream.stuckSince === null) tellGap(stream);
}

function tellGap(stream: Stream): void {
  const { missed, missedBatches: batches } = stream;
  if (missed === 0 && batches === 0) return;
  stream.response.write(`event: gap\ndata: ${JSON.stringify({ missed, batches })}\n\n`);
  Object.assign(stream, { missed: 0, missedBatches: 0 });
}

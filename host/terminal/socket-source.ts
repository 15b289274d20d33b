// SPDX-License-Identifier: Apache-2.0
// Tables of a running Vedette, over its control socket. Those of events come as one stream of server-sent
// events for each view; what Vedette says of itself is asked for each second. A stream that ends is asked for
// again, unless we were told that what we ask is wrong.
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Table } from "../activity/activity.js";
import { askControl } from "../control/client.js";
import { reasonOf } from "../reason.js";
import type { Decision, Source, Wanted, Watch, Watcher } from "./source.js";
import { isTold, type ToldView, topViewOf } from "./views.js";

const AGAIN_MS = 1_000;
const TOLD_MS = 1_000;
/** A stream that says nothing for so long, and for three intervals, is told of. */
const SILENT_MS = 5_000;
/** Of one event of a stream, and of a refusal. */
const EVENT_CHARS_MAX = 4 << 20;

/** A Vedette that answers at a socket. */
export class SocketSource implements Source {
  readonly name: string;
  readonly isJudged = true;

  /** Throws VEDETTE_CONTROL_UNANSWERED where nobody answers. */
  static async open(path: string): Promise<SocketSource> {
    await askControl(path, "/api/v1/self");
    return new SocketSource(path);
  }

  private constructor(path: string) {
    this.name = path;
  }

  watch(wanted: Wanted, watcher: Watcher): Watch {
    const view = topViewOf(wanted.view)!;
    return isTold(view) ? new Asking(this.name, view, wanted, watcher) : new Streaming(this.name, wanted, watcher);
  }

  async decide({ incident, ...body }: Decision): Promise<void> {
    await askControl(this.name, `/api/v1/incidents/${incident}`, "POST", body);
  }

  close(): void {
    // Each watch closes what it opened.
  }
}

/** Asks for what Vedette says of itself, again and again. */
class Asking implements Watch {
  #timer: NodeJS.Timeout | null = null;
  #isOpen = true;

  constructor(path: string, view: ToldView, wanted: Wanted, watcher: Watcher) {
    void this.#ask(path, view, wanted, watcher);
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer ?? undefined);
  }

  async #ask(path: string, view: ToldView, wanted: Wanted, watcher: Watcher): Promise<void> {
    try {
      const rows = view.rows(await askControl(path, view.path(wanted)));
      if (!this.#isOpen) return;
      watcher.onLooked({ kind: "live" });
      const seconds = wanted.intervalMs / 1_000;
      watcher.onTable({ view: view.id, seconds, events: 0, rate: 0, all: rows.length, leftOut: 0, rows });
    } catch (error) {
      if (this.#isOpen) watcher.onLooked({ kind: "failed", why: reasonOf(error) });
    }
    if (!this.#isOpen) return;
    this.#timer = setTimeout(() => void this.#ask(path, view, wanted, watcher), Math.max(TOLD_MS, wanted.intervalMs));
  }
}

/** Reads the stream of one view. */
class Streaming implements Watch {
  readonly #path: string;
  readonly #query: string;
  readonly #watcher: Watcher;
  readonly #silentMs: number;
  #silence: NodeJS.Timeout | null = null;
  #request: ClientRequest | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isOpen = true;

  constructor(path: string, { view, filter, intervalMs, limit }: Wanted, watcher: Watcher) {
    this.#path = path;
    const query = new URLSearchParams({ view, interval: String(intervalMs), limit: String(limit) });
    if (filter !== "") query.set("filter", filter);
    this.#query = `/api/v1/activity?${query}`;
    this.#watcher = watcher;
    this.#silentMs = Math.max(SILENT_MS, 3 * intervalMs);
    this.#begin();
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer ?? undefined);
    clearTimeout(this.#silence ?? undefined);
    this.#request?.destroy();
  }

  #begin(): void {
    const options = { socketPath: this.#path, path: this.#query, headers: { host: "vedette" } };
    this.#request = request(options, (response) => {
      if (response.statusCode === 200) this.#read(response);
      else this.#refused(response);
    });
    this.#request.on("error", (error) => this.#again(reasonOf(error))).end();
    this.#listen();
  }

  /** From now on it has so long to say something. */
  #listen(): void {
    clearTimeout(this.#silence ?? undefined);
    const why = `it has said nothing for ${this.#silentMs / 1_000} s`;
    this.#silence = setTimeout(() => this.#request?.destroy(new Error(why)), this.#silentMs);
  }

  #read(response: IncomingMessage): void {
    this.#watcher.onLooked({ kind: "live" });
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      text += part;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#take(text.slice(0, end));
        text = text.slice(end + 2);
      }
      if (text.length > EVENT_CHARS_MAX) response.destroy(new Error("what it sends does not end"));
    });
    response.on("error", (error) => this.#again(reasonOf(error)));
    response.on("end", () => this.#again("it has ended; trying again"));
  }

  #take(event: string): void {
    const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
    if (!this.#isOpen || data === undefined) return;
    let said: unknown;
    try {
      said = JSON.parse(data);
    } catch {
      this.#request?.destroy(new Error("what it sends is no JSON"));
      return;
    }
    this.#listen();
    if (name === "activity") this.#watcher.onTable(said as Table);
    const { missed, batches } = said as { missed: number; batches: number };
    if (name === "gap") this.#watcher.onGap(missed, batches);
  }

  #refused(response: IncomingMessage): void {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      text += part;
      if (text.length > EVENT_CHARS_MAX) response.destroy();
    });
    response.on("error", (error) => this.#again(reasonOf(error)));
    response.on("end", () => {
      const why = titleOf(text) ?? `it answers ${response.statusCode}`;
      const isOurs = response.statusCode === 400 || response.statusCode === 404;
      if (!isOurs) this.#again(why);
      else if (this.#isOpen) this.#watcher.onLooked({ kind: "failed", why });
    });
  }

  #again(why: string): void {
    if (!this.#isOpen || this.#timer !== null) return;
    this.#watcher.onLooked({ kind: "failed", why: `No answer: ${why}` });
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#begin();
    }, AGAIN_MS);
  }
}

function titleOf(problem: string): string | null {
  try {
    return String((JSON.parse(problem) as { title: unknown }).title);
  } catch {
    return null;
  }
}

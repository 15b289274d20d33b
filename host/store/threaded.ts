// SPDX-License-Identifier: Apache-2.0
// The store in SQLite, from the host's first thread: what is told goes through a queue like that of any
// output, a batch at a time, to the thread that writes. Questions go to the thread that reads. A store in
// memory is one connection, and one thread.
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { OutputError, OutputStats, Sent } from "../output/output.js";
import { reasonOf } from "../reason.js";
import { AskedThread, StoreFailed } from "./asked-thread.js";
import { setAside, storeFile } from "./folder.js";
import type { ThreadData } from "./messages.js";
import type { StoredIncident } from "./rows.js";
import type {
  AuditQuery,
  Decision,
  FindingPage,
  FindingQuery,
  IncidentQuery,
  Overview,
  Owner,
  Store,
  StoreOptions,
  StorePage,
} from "./store.js";
import { FOLDER_LIMITS, MEMORY_LIMITS } from "./store.js";
import { ToldQueue } from "./told-queue.js";

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26]);
const SET_ASIDE_EVERY_MS = 3_600_000;

const isDamage = (error: unknown): boolean => error instanceof StoreFailed && DAMAGED.has((error.code ?? 0) % 256);

async function writerOf(data: Omit<ThreadData, "isReader">): Promise<AskedThread> {
  const writer = new AskedThread({ ...data, isReader: false });
  await writer.open();
  return writer;
}

/** The one in SQLite. Whoever opened it must close it. */
export class SqliteStore implements Store {
  readonly name: string;
  readonly #data: Omit<ThreadData, "isReader">;
  readonly #onFault: (error: VedetteError) => void;
  readonly #queue: ToldQueue;
  #writer: AskedThread;
  #reader: AskedThread;
  /** Why it cannot make room; null: it can. */
  #full: OutputError | null = null;
  #setAsideAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** Throws VEDETTE_STORE_UNUSABLE. */
  static async open({ folder, limits, mustBeThere = false, onFault }: StoreOptions): Promise<SqliteStore> {
    const path = folder === null ? null : storeFile(folder, mustBeThere);
    const data = { path, isGuest: mustBeThere, limits: limits ?? (folder === null ? MEMORY_LIMITS : FOLDER_LIMITS) };
    const name = folder ?? "memory";
    let writer: AskedThread;
    try {
      writer = await writerOf(data).catch((error: unknown) => {
        if (!isDamage(error) || path === null || mustBeThere) throw error;
        // What guards goes on, with a store that is empty.
        onFault(new VedetteError("VEDETTE_STORE_SET_ASIDE", { path, aside: setAside(path), reason: reasonOf(error) }));
        return writerOf(data);
      });
    } catch (cause) {
      throw new VedetteError("VEDETTE_STORE_UNUSABLE", { path: name, reason: reasonOf(cause) }, { cause });
    }
    return new SqliteStore(name, data, writer, onFault);
  }

  private constructor(
    name: string,
    data: Omit<ThreadData, "isReader">,
    writer: AskedThread,
    onFault: (error: VedetteError) => void,
  ) {
    this.name = name;
    this.#data = data;
    this.#onFault = onFault;
    this.#writer = writer;
    this.#reader = data.path === null ? writer : new AskedThread({ ...data, isReader: true });
    this.#queue = new ToldQueue({ name, write: (lines) => this.write(lines), onFault });
  }

  append(alert: Alert): void {
    this.#queue.append(alert);
  }

  keep(incident: StoredIncident): boolean {
    return this.#queue.keep(incident);
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  page(owner: Owner, query: FindingQuery): Promise<FindingPage> {
    return this.#reader.ask("page", owner, query);
  }

  incidents(owner: Owner, query: IncidentQuery): Promise<StorePage> {
    return this.#reader.ask("incidents", owner, query);
  }

  incident(owner: Owner, id: string): Promise<string | null> {
    return this.#reader.ask("incident", owner, id);
  }

  decide(owner: Owner, id: string, decision: Decision, who: string): Promise<boolean> {
    return this.#writer.ask("decide", owner, id, decision, who);
  }

  overview(owner: Owner, hours: number): Promise<Overview> {
    return this.#reader.ask("overview", owner, hours);
  }

  audit(owner: Owner, query: AuditQuery): Promise<StorePage> {
    return this.#reader.ask("audit", owner, query);
  }

  /** It is not well also where it takes what comes, and cannot make room. */
  stats(): OutputStats {
    const stats = this.#queue.stats();
    if (this.#full === null || stats.state !== "ok") return stats;
    return { ...stats, state: "retrying", lastError: this.#full };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#queue.close();
    if (this.#reader !== this.#writer) await this.#reader.close();
    await this.#writer.close();
  }

  async write(lines: readonly string[]): Promise<Sent> {
    try {
      const { refused: count, full, removed } = await this.#writer.ask("append", lines);
      for (const path of removed) this.#onFault(new VedetteError("VEDETTE_STORE_ASIDE_GONE", { path }));
      this.#onFull(full);
      if (count === 0) return { outcome: "done" };
      return { outcome: "done", refused: { count, error: this.#unwritable("what was told is no row") } };
    } catch (error) {
      if (isDamage(error)) await this.#beginAnother(error);
      return { outcome: "again", taken: 0, error: this.#unwritable(reasonOf(error)) };
    }
  }

  /** Told once, until there is room again. */
  #onFull(reason: string | null): void {
    const isNew = this.#full === null;
    const error = new VedetteError("VEDETTE_STORE_FULL", { path: this.name, reason: reason ?? "" });
    this.#full = reason === null ? null : { code: error.code, message: error.message, at: Date.now() };
    if (isNew && reason !== null) this.#onFault(error);
  }

  /** What is damaged is set aside, and what comes goes into an empty one; not again within the hour. */
  async #beginAnother(cause: unknown): Promise<void> {
    const { path, isGuest } = this.#data;
    if (path === null || isGuest || this.#isClosed || performance.now() - this.#setAsideAt < SET_ASIDE_EVERY_MS) return;
    this.#setAsideAt = performance.now();
    await this.#reader.close();
    await this.#writer.close();
    try {
      const reason = reasonOf(cause);
      this.#onFault(new VedetteError("VEDETTE_STORE_SET_ASIDE", { path, aside: setAside(path), reason }));
    } catch (error) {
      this.#onFault(this.#unwritable(reasonOf(error)));
    }
    this.#full = null;
    this.#writer = new AskedThread({ ...this.#data, isReader: false });
    // It makes the tables before anybody reads them. Where it cannot, the next batch says so.
    await this.#writer.open().catch(() => undefined);
    this.#reader = new AskedThread({ ...this.#data, isReader: true });
  }

  #unwritable(reason: string): VedetteError {
    return new VedetteError("VEDETTE_STORE_UNWRITABLE", { path: this.name, reason });
  }
}

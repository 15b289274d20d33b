// SPDX-License-Identifier: Apache-2.0
// The store in SQLite, from the host's first thread: what is told goes through a queue like that of any
// output, a batch at a time, to the thread that writes. Questions go to the thread that reads. A store in
// memory is one connection, and one thread.
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { OutputStats, Sent } from "../output/output.js";
import { reasonOf } from "../reason.js";
import { AskedThread, StoreFailed } from "./asked-thread.js";
import { setAside, storeFile } from "./folder.js";
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

/** The one in SQLite. Whoever opened it must close it. */
export class SqliteStore implements Store {
  readonly name: string;
  readonly #writer: AskedThread;
  readonly #reader: AskedThread;
  readonly #queue: ToldQueue;

  /** Throws VEDETTE_STORE_UNUSABLE. */
  static async open({ folder, limits, mustBeThere = false, onFault }: StoreOptions): Promise<SqliteStore> {
    const path = folder === null ? null : storeFile(folder, mustBeThere);
    const data = { path, isGuest: mustBeThere, limits: limits ?? (folder === null ? MEMORY_LIMITS : FOLDER_LIMITS) };
    const name = folder ?? "memory";
    const start = async (): Promise<AskedThread> => {
      const writer = new AskedThread({ ...data, isReader: false });
      await writer.open();
      return writer;
    };
    let writer: AskedThread;
    try {
      writer = await start().catch((error: unknown) => {
        const isDamaged = error instanceof StoreFailed && DAMAGED.has((error.code ?? 0) % 256);
        if (!isDamaged || path === null || mustBeThere) throw error;
        // What guards goes on, with a store that is empty.
        onFault(new VedetteError("VEDETTE_STORE_SET_ASIDE", { path, aside: setAside(path), reason: reasonOf(error) }));
        return start();
      });
    } catch (cause) {
      throw new VedetteError("VEDETTE_STORE_UNUSABLE", { path: name, reason: reasonOf(cause) }, { cause });
    }
    const reader = path === null ? writer : new AskedThread({ ...data, isReader: true });
    return new SqliteStore(name, writer, reader, onFault);
  }

  private constructor(name: string, writer: AskedThread, reader: AskedThread, onFault: (error: VedetteError) => void) {
    this.name = name;
    this.#writer = writer;
    this.#reader = reader;
    this.#queue = new ToldQueue({ name, write: (lines) => this.#write(lines), onFault });
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

  stats(): OutputStats {
    return this.#queue.stats();
  }

  async close(): Promise<void> {
    await this.#queue.close();
    if (this.#reader !== this.#writer) await this.#reader.close();
    await this.#writer.close();
  }

  async #write(lines: readonly string[]): Promise<Sent> {
    try {
      const { refused: count } = await this.#writer.ask("append", lines);
      if (count === 0) return { outcome: "done" };
      return { outcome: "done", refused: { count, error: this.#unwritable("what was told is no row") } };
    } catch (error) {
      return { outcome: "again", taken: 0, error: this.#unwritable(reasonOf(error)) };
    }
  }

  #unwritable(reason: string): VedetteError {
    return new VedetteError("VEDETTE_STORE_UNWRITABLE", { path: this.name, reason });
  }
}

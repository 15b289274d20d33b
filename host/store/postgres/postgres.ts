// SPDX-License-Identifier: Apache-2.0
// The store in PostgreSQL, for teams: several hosts may write to one database. Where the database does not
// answer, at the start or later, what judges goes on: what is told waits in the queue, is dropped and counted
// when that is full, and questions are refused. Nobody has to do anything here when it comes back.
import { VedetteError } from "../../errors.js";
import type { Alert } from "../../output/alert.js";
import type { OutputError, OutputStats, Sent } from "../../output/output.js";
import {
  type AuditQuery,
  DATABASE_LIMITS,
  type Decision,
  type FindingPage,
  type FindingQuery,
  type IncidentQuery,
  type Overview,
  type Owner,
  type Store,
  type StoredIncident,
  type StoreOptions,
  type StorePage,
  StoreSilent,
} from "../store.js";
import { ToldQueue } from "../told-queue.js";
import { Turns } from "../turns.js";
import { addressOf } from "./address.js";
import {
  ASKED_AT_ONCE,
  Database,
  type Door,
  isContended,
  isLate,
  isRefused,
  isUnreachable,
  reasonOfDatabase,
  stateOf,
} from "./database.js";
import { PostgresReads } from "./reads.js";
import { checkMade, FromLater, migrate, NotMade, NotUnicode } from "./schema.js";
import { PostgresWrites } from "./writes.js";

/** How often we say that we are there, and look whether the database is. */
const BEAT_MS = 30_000;
const BEAT_AWAY_MS = 2_000;
const LEAVE_MS = 2_000;
/** Wrong passwords and rights, no such database; and certificates that do not hold. Waiting does not help. */
const FINAL = /^(28...|3D000|42501|0LP01)$/;
const FINAL_TLS = /^(ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_OSSL|ERR_SSL)/;

/** `address`: postgres://... */
export interface PostgresOptions extends Omit<StoreOptions, "folder"> {
  readonly address: string;
}

/** The one in PostgreSQL. Whoever opened it must close it. */
export class PostgresStore implements Store {
  readonly name: string;
  readonly #isGuest: boolean;
  readonly #onFault: (error: VedetteError) => void;
  readonly #database: Database;
  readonly #reads: PostgresReads;
  readonly #writes: PostgresWrites;
  readonly #queue: ToldQueue;
  readonly #turns = new Turns(ASKED_AT_ONCE);
  /** By the way there: who is asked much must not hold up what is written. */
  readonly #prepared = new Map<Door, Promise<void>>();
  /** Why it does not answer; null: it did when it was asked last. */
  #away: OutputError | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isTidying = false;
  #isClosed = false;

  /**
   * A database that does not answer is no reason not to start, unless somebody wants to read it. Throws
   * VEDETTE_STORE_UNUSABLE.
   */
  static async open(options: PostgresOptions): Promise<PostgresStore> {
    const store = new PostgresStore(options);
    try {
      await store.#prepare("asks");
      if (!store.#isGuest) await store.#writes.beat();
    } catch (cause) {
      if (store.#isGuest || isFinal(cause)) {
        await store.#database.close();
        const parts = { path: store.name, reason: reasonOfDatabase(cause) };
        throw new VedetteError("VEDETTE_STORE_UNUSABLE", parts, { cause });
      }
      if (!isContended(cause)) store.#isNotThere(cause);
    }
    if (!store.#isGuest) store.#beatSoon();
    return store;
  }

  private constructor({ address, limits = DATABASE_LIMITS, mustBeThere = false, onFault }: PostgresOptions) {
    const at = addressOf(address);
    this.name = at.name;
    this.#isGuest = mustBeThere;
    this.#onFault = onFault;
    this.#database = new Database(at);
    this.#reads = new PostgresReads(this.#database);
    this.#writes = new PostgresWrites(this.#database, limits);
    this.#queue = new ToldQueue({
      name: this.name,
      write: (lines) => this.write(lines),
      onFault: (error) => {
        if (error.code !== this.#away?.code) onFault(error); // that is told once
      },
    });
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
    return this.#ask(owner, () => this.#reads.page(owner, query));
  }

  incidents(owner: Owner, query: IncidentQuery): Promise<StorePage> {
    return this.#ask(owner, () => this.#reads.incidents(owner, query));
  }

  incident(owner: Owner, id: string): Promise<string | null> {
    return this.#ask(owner, () => this.#reads.incident(owner, id));
  }

  decide(owner: Owner, id: string, decision: Decision, who: string): Promise<boolean> {
    return this.#ask(owner, () => this.#writes.decide(owner, id, decision, who));
  }

  overview(owner: Owner, hours: number): Promise<Overview> {
    return this.#ask(owner, () => this.#reads.overview(owner, hours));
  }

  audit(owner: Owner, query: AuditQuery): Promise<StorePage> {
    return this.#ask(owner, () => this.#reads.audit(owner, query));
  }

  /** It is not well also where nothing waits for a database that does not answer. */
  stats(): OutputStats {
    const stats = this.#queue.stats();
    if (this.#away === null || stats.state !== "ok") return stats;
    return { ...stats, state: "retrying", lastError: this.#away };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#queue.close();
    this.#turns.refuse(new StoreSilent("the store was closed"));
    if (!this.#isGuest && this.#away === null) {
      const late = new Promise<void>((resolve) => void setTimeout(resolve, LEAVE_MS).unref());
      await Promise.race([this.#writes.leave().catch(() => undefined), late]);
    }
    await this.#database.close();
  }

  /** Once, until it fails: tables that are not there, or are another Vedette's. */
  #prepare(door: Door): Promise<void> {
    const made =
      this.#prepared.get(door) ??
      this.#lookAndMake(door).catch((error: unknown) => {
        this.#prepared.delete(door);
        throw error;
      });
    this.#prepared.set(door, made);
    return made;
  }

  /** Others write meanwhile, unless there is something to change. */
  async #lookAndMake(door: Door): Promise<void> {
    try {
      await this.#database.transact(door, "read", (ask) => checkMade(ask));
    } catch (error) {
      if (this.#isGuest || !(error instanceof NotMade)) throw error;
      await this.#database.transact(door, "change", (ask) => migrate(ask));
    }
  }

  #ask<T>(owner: Owner, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new StoreSilent("the store was closed"));
    return this.#turns.run(owner, async () => {
      try {
        await this.#prepare("asks");
        return await work();
      } catch (error) {
        // Whoever asks may be a tenant, to whom the words of a server say too much.
        if (error instanceof StoreSilent || error instanceof VedetteError) throw error;
        if (isLate(error)) throw new StoreSilent("the store does not answer in time");
        if (isRefused(error)) throw new StoreSilent("its database refuses what is asked", { cause: error });
        if (isUnreachable(error) && !this.#isGuest && this.#away === null) this.#beatSoon(0);
        throw new StoreSilent("its database does not answer", { cause: error });
      }
    });
  }

  async write(lines: readonly string[]): Promise<Sent> {
    try {
      await this.#prepare("writes");
      const { refused: count, reason } = await this.#writes.append(lines);
      this.#isThere();
      if (count === 0) return { outcome: "done" };
      const error = reason === null ? this.#unwritable("what was told is no row") : this.#refuses(reason);
      return { outcome: "done", refused: { count, error } };
    } catch (error) {
      if (isContended(error)) return { outcome: "busy", taken: 0 }; // somebody brings the tables up to date, say
      this.#isNotThere(error);
      return { outcome: "again", taken: 0, error: this.#faultOf(error) };
    }
  }

  #beatSoon(ms = this.#away === null ? BEAT_MS : BEAT_AWAY_MS): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#beat(), ms).unref();
  }

  async #beat(): Promise<void> {
    try {
      await this.#prepare("tends");
      await this.#writes.beat();
      this.#isThere();
      void this.#tidy();
    } catch (error) {
      if (!isContended(error)) this.#isNotThere(error);
    }
    this.#beatSoon();
  }

  /** May take minutes. What takes too long is tried again an hour later, by one of the hosts. */
  async #tidy(): Promise<void> {
    if (this.#isTidying) return;
    this.#isTidying = true;
    try {
      await this.#writes.tidyIfDue();
    } catch (error) {
      // Whether it is there, a beat tells.
      if (this.#isClosed || isUnreachable(error) || isContended(error)) return;
      const reason = `what is too old could not be removed: ${reasonOfDatabase(error)}`;
      this.#onFault(isRefused(error) ? this.#refuses(reason) : this.#unwritable(reason));
    } finally {
      this.#isTidying = false;
    }
  }

  #isThere(): void {
    if (this.#away === null) return;
    this.#away = null;
    void this.#queue.flush(); // what waits need not wait for its next attempt
    this.#beatSoon();
  }

  /** Told once, until it answers again. */
  #isNotThere(cause: unknown): void {
    if (this.#isClosed) return;
    // Another one is in its place, perhaps.
    if (cause instanceof NotMade || /^(3F000|42P01|42703|42883)$/.test(stateOf(cause) ?? "")) this.#prepared.clear();
    const error = this.#faultOf(cause);
    const isNew = this.#away === null;
    this.#away = { code: error.code, message: error.message, at: Date.now() };
    if (!isNew) return;
    this.#onFault(error);
    this.#beatSoon();
  }

  #faultOf(cause: unknown): VedetteError {
    const reason = reasonOfDatabase(cause);
    return isRefused(cause) ? this.#refuses(reason) : this.#unwritable(reason);
  }

  #refuses(reason: string): VedetteError {
    return new VedetteError("VEDETTE_STORE_REFUSED", { path: this.name, reason });
  }

  #unwritable(reason: string): VedetteError {
    return new VedetteError("VEDETTE_STORE_UNWRITABLE", { path: this.name, reason });
  }
}

/** Whoever waits would wait for ever. */
function isFinal(error: unknown): boolean {
  if (error instanceof FromLater || error instanceof NotMade || error instanceof NotUnicode) return true;
  const { code = "", message = "" } = error as { code?: string; message?: string };
  return FINAL.test(code) || FINAL_TLS.test(code) || message === "The server does not support SSL connections";
}

// SPDX-License-Identifier: Apache-2.0
// Connections to a database, and transactions on them. Everything is asked in a transaction, which says how
// long the server may work; and it is waited for a little longer here, since a network that swallows packets
// says nothing. Connections are made when they are needed, so that a database which comes back is found
// again. Texts are constants, and what is asked for goes beside them as values.
import { type Client, DatabaseError, Pool } from "pg";
import { reasonOf } from "../../reason.js";
import { StoreSilent } from "../store.js";
import type { Address } from "./address.js";

/** Times that somebody else changes what a transaction has just read, behind each other. */
export const AGAIN_MAX = 3;

/** Asks one question in a transaction. */
export type Ask = <Row extends object>(text: string, ...values: readonly unknown[]) => Promise<Row[]>;

/** Only one begins what changes tables; those that write are there together. The number says "vedette". */
const LOCK = "33325529125123173";
/** Only one makes or drops days. */
const DAYS_LOCK = "33325529125123174";
/** Nothing that others made is taken for ours. A search over many days is not worth compiling. */
const SETTINGS =
  "SET LOCAL search_path = pg_catalog, vedette, pg_temp; SET LOCAL jit = off; " +
  "SET LOCAL idle_in_transaction_session_timeout = 60000";
/** What is acknowledged has to be there after a crash, whatever the server is set to. */
const DURABLE =
  "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

/** Each statement sees what others have committed, also where a server or a user is set to something else. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";

/**
 * Kinds of transactions, by how they begin. `ms`: when nobody waits for them any more. What takes long never
 * holds a lock for which a `write` waits.
 */
const KINDS = {
  /** A step of a search. */
  look: { begin: `${BEGIN} READ ONLY; ${SETTINGS}; SET LOCAL statement_timeout = 250`, ms: 5_000 },
  read: { begin: `${BEGIN} READ ONLY; ${SETTINGS}; SET LOCAL statement_timeout = 10000`, ms: 15_000 },
  write: {
    begin:
      `${BEGIN}; ${SETTINGS}; SET LOCAL statement_timeout = 30000; SET LOCAL lock_timeout = 2000; ${DURABLE}; ` +
      `SELECT pg_advisory_xact_lock_shared(${LOCK})`,
    ms: 45_000,
  },
  /** Removes what is too old, which may take long. Others write meanwhile. */
  tend: {
    begin: `${BEGIN}; ${SETTINGS}; SET LOCAL statement_timeout = 120000; SET LOCAL lock_timeout = 10000; ${DURABLE}`,
    ms: 300_000,
  },
  /** Looks through all that there is, a day at a time. */
  survey: { begin: `${BEGIN} READ ONLY; ${SETTINGS}; SET LOCAL statement_timeout = 120000`, ms: 150_000 },
  /** A day is made, or goes. Whoever waits for a lock of a table holds up those behind him: not for long. */
  days: {
    begin:
      `${BEGIN}; ${SETTINGS}; SET LOCAL statement_timeout = 30000; SET LOCAL lock_timeout = 10000; ${DURABLE}; ` +
      `SELECT pg_advisory_xact_lock_shared(${LOCK}), pg_advisory_xact_lock(${DAYS_LOCK}); SET LOCAL lock_timeout = 1000`,
    ms: 45_000,
  },
  /** Tables are brought up to date. Nobody else of us writes meanwhile. */
  change: {
    begin:
      `${BEGIN}; ${SETTINGS}; SET LOCAL statement_timeout = 120000; SET LOCAL lock_timeout = 2000; ${DURABLE}; ` +
      `SELECT pg_advisory_xact_lock(${LOCK})`,
    ms: 300_000,
  },
} as const;
const CONNECT_MS = 5_000;
const END_MS = 2_000;
/** Of what is asked; one writes. */
export const ASKED_AT_ONCE = 4;
/** One may tidy for minutes, and one says that we are there. */
const TENDS_AT_ONCE = 2;

/**
 * Where it goes, by who may hold it up: neither questions nor what tends the tables keep anything from being
 * written.
 */
export type Door = "asks" | "writes" | "tends";

/** One database. Whoever made it must close it. */
export class Database {
  readonly #pools: Readonly<Record<Door, Pool>>;
  /** What gives back each connection that is used. */
  readonly #held = new Set<(error?: Error) => void>();
  #isClosed = false;

  constructor({ host, port, user, database, password, ssl }: Address) {
    const pool = (max: number): Pool => {
      const made = new Pool({
        ...{ host, port, user, database, ssl, max },
        ...(password === undefined ? {} : { password }),
        application_name: "vedette",
        connectionTimeoutMillis: CONNECT_MS,
        keepAlive: true,
        allowExitOnIdle: true,
      });
      // Whoever asks next is told: an error that nobody listens to would end the process.
      made.on("error", () => undefined);
      made.on("connect", (client: Client) => void client.on("error", () => undefined));
      return made;
    };
    this.#pools = { asks: pool(ASKED_AT_ONCE), writes: pool(1), tends: pool(TENDS_AT_ONCE) };
  }

  /** All of the work, or nothing. Throws what the server, the network or the work throws. */
  async transact<T>(door: Door, kind: keyof typeof KINDS, work: (ask: Ask) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StoreSilent("the store was closed");
    const { begin, ms } = KINDS[kind];
    const client = await this.#pools[door].connect();
    const end = (error?: Error): void => {
      if (this.#held.delete(end)) client.release(error);
    };
    this.#held.add(end);
    const timer = setTimeout(() => end(new Error("the database does not answer in time")), ms);
    try {
      const ask: Ask = async <Row extends object>(text: string, ...values: readonly unknown[]) =>
        (await client.query<Row>(text, [...values])).rows;
      await client.query(begin);
      const value = await work(ask);
      await client.query("COMMIT");
      end();
      return value;
    } catch (error) {
      if (this.#held.has(end)) await client.query("ROLLBACK").then(() => end(), end);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nobody who waits is answered. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const end of this.#held) end(new StoreSilent("the store was closed"));
    const late = new Promise<void>((resolve) => void setTimeout(resolve, END_MS).unref());
    await Promise.race([Promise.all(Object.values(this.#pools).map((pool) => pool.end())), late]);
  }
}

/** The code of an error of the server (postgresql.org/docs/17/errcodes-appendix.html); else null. */
export function stateOf(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}

/** The server ended a statement that took longer than it may. */
export const isLate = (error: unknown): boolean => stateOf(error) === "57014";

/** There is no part of a table for what is written: it was removed. A check that does not hold has a name. */
export const isNoPart = (error: unknown): boolean =>
  stateOf(error) === "23514" && (error as DatabaseError).constraint === undefined;

/** Somebody else holds what it needs: the same goes well when he has ended. */
export const isContended = (error: unknown): boolean => /^(55P03|40001|40P01)$/.test(stateOf(error) ?? "");

/** It cannot be reached, does not take us in, or has no room. */
export const isUnreachable = (error: unknown): boolean => /^(08|28|3D|53|57P)|^$/.test(stateOf(error) ?? "");

/** It answers, and does not do what it is asked: a right is missing, say, or it is a read-only copy. */
export const isRefused = (error: unknown): boolean =>
  stateOf(error) !== null && !isUnreachable(error) && !isLate(error) && !isContended(error);

/** What the error says. That of several attempts to connect says nothing by itself. */
export function reasonOfDatabase(error: unknown): string {
  return reasonOf(error instanceof AggregateError ? (error.errors[0] ?? error) : error);
}

// SPDX-License-Identifier: Apache-2.0
// Opens the store that the operator named: a folder is SQLite's, an address is PostgreSQL's. Each loads what
// it needs when it is asked for.
import { isAddress } from "./postgres/address.js";
import type { Store, StoreOptions } from "./store.js";

/** `place`: a folder, or postgres://...; null: in memory. Whoever opened it must close it. */
export interface OpenOptions extends Omit<StoreOptions, "folder"> {
  readonly place: string | null;
}

/** Throws VEDETTE_STORE_UNUSABLE. */
export async function openStore({ place, ...options }: OpenOptions): Promise<Store> {
  if (place !== null && isAddress(place)) {
    const { PostgresStore } = await import("./postgres/postgres.js");
    return PostgresStore.open({ ...options, address: place });
  }
  const { SqliteStore } = await import("./threaded.js");
  return SqliteStore.open({ ...options, folder: place });
}

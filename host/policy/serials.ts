// SPDX-License-Identifier: Apache-2.0
// The serial of the newest signed list that was accepted, for each policy of each tenant. Vedette refuses an
// older list, whoever puts it there. A file keeps the serials over a restart, if one is named (`--serials`):
// {"team/one": 1764190000}. Where no file lasts, tenants.yaml says `oldest_serial`.
import { renameSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { VedetteError } from "../errors.js";
import { readPlainFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";

const BYTES_MAX = 16 << 20;
const Kept = z.record(z.string().max(500), z.number().int().nonnegative());

/**
 * Which signature it is. `serial` is the time of signing, in seconds since the epoch, or one more than the
 * serial before.
 */
export interface SignedList {
  readonly tenant: string;
  /** The policy's signed name, wherever its folder is. */
  readonly name: string;
  readonly serial: number;
}

/** The newest serials. `path`: where they outlive a restart; null: nowhere. */
export class Serials {
  readonly #path: string | null;
  readonly #last: Map<string, number>;

  /** Throws VEDETTE_SERIALS_UNUSABLE: without them an older list would pass. */
  constructor(path: string | null) {
    this.#path = path;
    try {
      this.#last = new Map(path === null ? [] : Object.entries(readKept(path)));
      if (path !== null) this.#keep(path); // what cannot be written is told now
    } catch (cause) {
      throw new VedetteError("VEDETTE_SERIALS_UNUSABLE", { path: path ?? "", reason: reasonOf(cause) }, { cause });
    }
  }

  /** Throws VEDETTE_SIGNATURE_OLD when a newer list was accepted. `oldest`: what tenants.yaml says. */
  check({ tenant, name, serial }: SignedList, oldest: number, path: string): void {
    const last = Math.max(oldest, this.#last.get(`${tenant}/${name}`) ?? 0);
    if (serial < last) throw new VedetteError("VEDETTE_SIGNATURE_OLD", { path, serial, last });
  }

  /** It is the newest from now on, unless a newer one is known. */
  accept({ tenant, name, serial }: SignedList): void {
    const key = `${tenant}/${name}`;
    if (serial <= (this.#last.get(key) ?? -1)) return;
    this.#last.set(key, serial);
    if (this.#path !== null) this.#keep(this.#path);
  }

  /** Written beside and moved: a host that is killed meanwhile leaves the one before. */
  #keep(path: string): void {
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(Object.fromEntries(this.#last))}\n`, { mode: 0o600 });
    renameSync(draft, path);
  }
}

function readKept(path: string): Record<string, number> {
  try {
    return Kept.parse(JSON.parse(readPlainFile(path, { most: BYTES_MAX }).toString()));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    if (error instanceof z.ZodError || error instanceof SyntaxError)
      throw new Error("it is not what Vedette writes there");
    throw error;
  }
}

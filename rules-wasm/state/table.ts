// SPDX-License-Identifier: Apache-2.0
// Where what outlives a batch is kept. Every helper of this folder has a table of a fixed number of entries,
// declared at the top of a policy; when init is done all tables are laid into one region, which the host
// copies after each batch and gives back to the next instance (docs/abi/v1.md, "State"). So nothing in it is
// an address, and nothing in it ever grows.
//
// A table is eight-way: a key has eight places, found by its hash; when all are taken, the one that was used
// longest ago makes room. An entry that was not used for the table's lifetime is as good as free.
//
//   entry   u64 key (0: free)   u64 last used, ns since the epoch   then what the helper keeps
import { mix } from "../string-set";
import { clear } from "../wire/memory";

const WAYS: usize = 8;
const HEAD: usize = 16;
/** Stands for key 0, which means "free". */
const ZERO: u64 = 0x9e3779b97f4a7c15;

/** Address of the region, its size, and a digest of what stands where; the host reads them. */
export let regionAddress: usize = 0;
/** Bytes of all tables together; 0 for a policy without state. */
export let regionSize: u32 = 0;
/** A hash of the tables' kinds and sizes. State of another schema is not given back. */
export let regionSchema: u64 = 0;
/** Something in it may have changed since the host last set this to 0. */
export let regionDirty: i32 = 1;

const tables = new Array<StateTable>();
let isLaid = false;

/** The kind of a table that is not kept: it is empty after a trap, and costs no copy after a batch. */
export const UNKEPT: u32 = 0;

/** Of helpers only. */
export class StateTable {
  private base: usize = 0;
  /** The entry that was found last: what is asked for again stands there, unless its key says otherwise. */
  private last: usize = 0;
  /** Whether what take() gave last is new. */
  isNew: bool = false;
  private readonly mask: u32;
  private readonly stride: usize;
  private readonly lifetime: u64;
  private readonly kind: u32;
  readonly isKept: bool;

  /**
   * `kind`: whose entries these are, another number for each helper, or UNKEPT; `capacity`: at least so many
   * entries; `payload`: bytes of each, beyond key and time; `lifetime` in ns.
   */
  constructor(kind: u32, capacity: u32, payload: usize, lifetime: u64) {
    if (isLaid) throw new Error("state is declared in a rule: declare it at the top of the file, in a const");
    if (capacity == 0 || capacity > 65536) throw new Error("the capacity of a state is between 1 and 65,536");
    if (lifetime == 0) throw new Error("the time of a state is longer than nothing");
    let sets: u32 = 1;
    while (sets * <u32>WAYS < capacity) sets <<= 1;
    this.mask = sets - 1;
    this.stride = HEAD + ((payload + 7) & ~7);
    this.lifetime = lifetime;
    this.kind = kind;
    this.isKept = kind != UNKEPT;
    tables.push(this);
  }

  /** The payload of `key`, or 0 when there is none that was used in the table's lifetime. */
  find(key: u64, now: u64): usize {
    const wanted = key == 0 ? ZERO : key;
    if (load<u64>(this.last) == wanted) return this.isOver(this.last, now) ? 0 : this.last + HEAD;
    let entry = this.set(wanted);
    for (let i: usize = 0; i < WAYS; i++, entry += this.stride) {
      if (load<u64>(entry) != wanted) continue;
      this.last = entry;
      return this.isOver(entry, now) ? 0 : entry + HEAD;
    }
    return 0;
  }

  /** The payload of `key`, all zeros when it is new; it counts as used now. */
  take(key: u64, now: u64): usize {
    const wanted = key == 0 ? ZERO : key;
    if (this.isKept) regionDirty = 1;
    this.isNew = false;
    if (load<u64>(this.last) == wanted) return this.use(this.last, now);
    let entry = this.set(wanted), oldest = entry, least = u64.MAX_VALUE;
    for (let i: usize = 0; i < WAYS; i++, entry += this.stride) {
      const is = load<u64>(entry);
      if (is == wanted) return this.use(entry, now);
      const used = is == 0 ? 0 : load<u64>(entry, 8); // free ones are the oldest of all
      if (used >= least) continue;
      least = used;
      oldest = entry;
    }
    this.last = oldest;
    this.isNew = true;
    store<u64>(oldest, wanted);
    store<u64>(oldest, now, 8);
    clear(oldest + HEAD, this.stride - HEAD);
    return oldest + HEAD;
  }

  /** The entry is there, and used now. */
  private use(entry: usize, now: u64): usize {
    this.last = entry;
    if (this.isOver(entry, now)) {
      this.isNew = true;
      clear(entry + HEAD, this.stride - HEAD);
    }
    store<u64>(entry, max(now, load<u64>(entry, 8)), 8);
    return entry + HEAD;
  }

  /** Forgets `key`. */
  drop(key: u64): void {
    const wanted = key == 0 ? ZERO : key;
    if (this.isKept) regionDirty = 1;
    let entry = this.set(wanted);
    for (let i: usize = 0; i < WAYS; i++, entry += this.stride) {
      if (load<u64>(entry) != wanted) continue;
      store<u64>(entry, 0);
      return; // take() never makes a second one
    }
  }

  /** An entry that was found is written to. */
  touch(): void {
    regionDirty = 1;
  }

  /** When the entry was last used, by the address of its payload. */
  lastUsed(payload: usize): u64 {
    return load<u64>(payload - HEAD, 8);
  }

  get bytes(): u32 {
    return <u32>((<usize>this.mask + 1) * WAYS * this.stride);
  }

  get schema(): u64 {
    return mix(mix(<u64>this.kind << 32 | <u64>this.mask, <u64>this.stride), this.lifetime);
  }

  place(at: usize): void {
    this.base = at;
    this.last = at;
  }

  private set(key: u64): usize {
    return this.base + <usize>(<u32>mix(key, 0) & this.mask) * WAYS * this.stride;
  }

  private isOver(entry: usize, now: u64): bool {
    const last = load<u64>(entry, 8);
    return now > last && now - last > this.lifetime;
  }
}

/** Init is done: lays all tables into one region. */
export function layState(): void {
  isLaid = true;
  let size: u32 = 0;
  for (let i = 0; i < tables.length; i++) {
    const table = tables[i];
    if (table.isKept) size += table.bytes;
    else table.place(emptyMemory(table.bytes));
  }
  if (size == 0) return;
  regionAddress = emptyMemory(size);
  regionSize = size;
  let at = regionAddress;
  for (let i = 0; i < tables.length; i++) {
    if (!tables[i].isKept) continue;
    tables[i].place(at);
    at += tables[i].bytes;
    regionSchema = mix(regionSchema, tables[i].schema);
  }
}

function emptyMemory(size: u32): usize {
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  return at;
}

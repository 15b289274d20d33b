// SPDX-License-Identifier: Apache-2.0
// Begins of messages that wait for the rest. There is room for few, so who is silent for longest goes: what
// waits must be looked for again.
import { hours } from "../duration";
import { StateTable, UNKEPT } from "../state/table";

/** How many wait at the same time. */
const COUNT: u32 = 128;

/** An entry: its size, then its bytes. */
const SIZE: usize = 0; // u32
const BYTES: usize = 4;
/** Room behind them for loads of eight bytes. */
const BEYOND: usize = 8;

/** Of one protocol. */
export class Stash {
  private readonly table: StateTable;
  private entry: usize = 0;
  /** Bytes of a begin that there is room for. */
  readonly room: u32;

  constructor(room: u32) {
    this.table = new StateTable(UNKEPT, COUNT, BYTES + <usize>room + BEYOND, hours(2));
    this.room = room;
  }

  /** A begin without bytes is there now, whatever was. */
  start(key: u64, now: u64): void {
    this.entry = this.table.take(key, now);
    store<u32>(this.entry, 0, SIZE);
  }

  /** Whether one is there. If so, it is that which at, size and add() are about. */
  find(key: u64, now: u64): bool {
    if (this.table.find(key, now) == 0) return false;
    this.entry = this.table.take(key, now);
    return true;
  }

  /** Adds bytes as far as there is room. Gives how many that are. */
  add(from: usize, size: u32): u32 {
    const have = this.size, more = min(size, this.room - have);
    memory.copy(this.at + have, from, more);
    store<u32>(this.entry, have + more, SIZE);
    return more;
  }

  get at(): usize {
    return this.entry + BYTES;
  }

  get size(): u32 {
    return load<u32>(this.entry, SIZE);
  }

  drop(key: u64): void {
    this.table.drop(key);
  }
}

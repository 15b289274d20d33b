// SPDX-License-Identifier: Apache-2.0
// Which keys there were, for as long as the container lives: nothing makes room for others, so nobody can
// have one forgotten by bringing many. The price: it may take a key for marked that is not, one of a hundred
// after 50,000 (a Bloom filter of 2^20 bits, two for each key). Use it where such a mistake raises an alert,
// not where it keeps one back.
//
//   const WRITTEN = new Marks();
//   ... WRITTEN.mark(e, keys(e.fd.dev, e.fd.ino))
import { Event } from "../event";
import { mix } from "../string-set";
import { StateTable } from "./table";

const KIND: u32 = 6;
/** As many as one place of the table holds, so that none of them ever has to go. */
const PARTS: u32 = 8;
const PART_BYTES: u32 = 16384;
const BITS: u64 = <u64>PARTS * PART_BYTES * 8;

/** A Bloom filter of 128 KiB. It never forgets, and may take a key for marked that is not. */
export class Marks {
  private readonly table: StateTable = new StateTable(KIND, PARTS, PART_BYTES, u64.MAX_VALUE);

  mark(e: Event, key: u64): void {
    this.set(e, first(key));
    this.set(e, second(key));
  }

  isMarked(e: Event, key: u64): bool {
    return this.has(e, first(key)) && this.has(e, second(key));
  }

  private set(e: Event, bit: u64): void {
    const at = this.table.take(partOf(bit), e.time) + byteOf(bit);
    store<u8>(at, <u8>(<u32>load<u8>(at) | <u32>1 << <u32>(bit & 7)));
  }

  private has(e: Event, bit: u64): bool {
    const part = this.table.find(partOf(bit), e.time);
    return part != 0 && (<u32>load<u8>(part + byteOf(bit)) >> <u32>(bit & 7) & 1) != 0;
  }
}

function first(key: u64): u64 {
  return mix(key, 1) % BITS;
}

function second(key: u64): u64 {
  return mix(key, 2) % BITS;
}

/** From 1 on: 0 is no key. */
function partOf(bit: u64): u64 {
  return bit / (<u64>PART_BYTES * 8) + 1;
}

function byteOf(bit: u64): usize {
  return <usize>(bit % (<u64>PART_BYTES * 8) >> 3);
}

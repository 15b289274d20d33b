// SPDX-License-Identifier: Apache-2.0
// Many addresses and networks as one table of ranges, in order and apart from each other, so that an address
// is found by halves:
//
//   u32 ranges of IPv4 | u32 ranges of IPv6 | u32 first, u32 last ... | (u64 high, u64 low) first, (u64, u64) last ...
//
// Numbers are little-endian, an address is the number that its bytes spell. The run-time's $net_in reads it.
import type { NetValue } from "../values.js";

type Range = [first: bigint, last: bigint];

const HEAD = 8;
const WORD = 0xffff_ffff_ffff_ffffn;

/** The table's bytes. Networks that touch or overlap become one range. */
export function netTable(nets: readonly NetValue[]): Uint8Array {
  const [v4, v6] = [4, 16].map((size) => rangesOf(nets.filter((net) => net.bytes.length === size))) as [
    Range[],
    Range[],
  ];
  const out = new DataView(new ArrayBuffer(HEAD + v4.length * 8 + v6.length * 32));
  out.setUint32(0, v4.length, true);
  out.setUint32(4, v6.length, true);
  let at = HEAD;
  for (const end of v4.flat()) {
    out.setUint32(at, Number(end), true);
    at += 4;
  }
  for (const end of v6.flat()) {
    out.setBigUint64(at, end >> 64n, true);
    out.setBigUint64(at + 8, end & WORD, true);
    at += 16;
  }
  return new Uint8Array(out.buffer);
}

function rangesOf(nets: readonly NetValue[]): Range[] {
  const all = nets.map(rangeOf).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const out: Range[] = [];
  for (const [first, last] of all) {
    const before = out.at(-1);
    if (before === undefined || first > before[1] + 1n) out.push([first, last]);
    else if (last > before[1]) before[1] = last;
  }
  return out;
}

function rangeOf({ bytes, bits }: NetValue): Range {
  const address = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  const rest = (1n << BigInt(bytes.length * 8 - bits)) - 1n;
  return [address & ~rest, address | rest];
}

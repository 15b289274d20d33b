// SPDX-License-Identifier: Apache-2.0
// The parameters of a captured event: cut out of its block, and converted to what our records hold. Falco
// writes flags in numbers of its own where the kernel's differ between architectures; here they become
// x86-64's.
import { SCAP_EVENTS, type ScapEvent } from "./event-table.js";

/**
 * Types of event blocks: whether a word of flags stands before the header, whether the count of parameters is
 * written, and how wide a parameter's size is.
 */
export const EVENT_BLOCKS = new Map([
  [0x204, { flags: false, counted: false, wide: false }],
  [0x8000abd1, { flags: false, counted: false, wide: false }],
  [0x208, { flags: true, counted: false, wide: false }],
  [0x216, { flags: false, counted: true, wide: false }],
  [0x217, { flags: true, counted: true, wide: false }],
  [0x221, { flags: false, counted: true, wide: true }],
  [0x222, { flags: true, counted: true, wide: true }],
]);
type Form = typeof EVENT_BLOCKS extends Map<number, infer T> ? T : never;

/** One event of the capture. `params` holds each parameter's bytes by its name in the event table. */
export interface RawEvent {
  readonly time: bigint;
  readonly tid: number;
  readonly event: ScapEvent | undefined; // undefined: a call whose arguments we do not know
  readonly isEntry: boolean;
  readonly params: Map<string, Buffer>;
}

const HEADER_BYTES = 22;

/** Whether an event is worth reading: it has a type here, or its block is too short to say. */
export function isMeant(data: Buffer, start: number, end: number, form: Form): boolean {
  const at = start + 2 + (form.flags ? 4 : 0) + 20;
  return at + 2 > end || MEANT.has(data.readUInt16LE(at));
}

// A call's entry is read for what its return does not hold.
const MEANT = new Set<number>();
for (const [code, { entry, isEntryTold }] of SCAP_EVENTS) {
  if (entry.length > 0 || isEntryTold) MEANT.add(code);
  MEANT.add(code + 1);
}

/** Undefined when the block is too short for what it says. */
export function readEvent(body: Buffer, form: Form): RawEvent | undefined {
  const head = 2 + (form.flags ? 4 : 0);
  const size = form.counted ? HEADER_BYTES + 4 : HEADER_BYTES;
  if (body.length < head + size) return undefined;
  const time = body.readBigUInt64LE(head);
  const tid = Number(body.readBigInt64LE(head + 8));
  const length = body.readUInt32LE(head + 16);
  const code = body.readUInt16LE(head + 20);
  const event = SCAP_EVENTS.get(code & ~1);
  const isEntry = (code & 1) === 0;
  if (length < size || head + length > body.length) return undefined;
  const rest = body.subarray(head + size, head + length);
  const width = form.wide ? 4 : 2;
  const count = form.counted ? body.readUInt32LE(head + HEADER_BYTES) : countParams(rest, width);
  if (count === undefined || count * width > rest.length) return undefined;
  const names = event ? (isEntry ? event.entry : event.exit) : [];
  const params = new Map<string, Buffer>();
  let at = count * width;
  for (let i = 0; i < count; i++) {
    const bytes = form.wide ? rest.readUInt32LE(i * width) : rest.readUInt16LE(i * width);
    if (at + bytes > rest.length) return undefined;
    if (names[i] !== undefined) params.set(names[i]!, rest.subarray(at, at + bytes));
    at += bytes;
  }
  return { time, tid, event, isEntry, params };
}

// The first form of events does not say how many parameters there are. But sizes and parameters fill the
// event, and each further parameter makes it longer: at most one count fits.
function countParams(rest: Buffer, width: number): number | undefined {
  let total = 0;
  for (let count = 0; total <= rest.length; count++) {
    if (total === rest.length) return count;
    const next = (count + 1) * width;
    if (next > rest.length) return undefined;
    total += width + rest.readUInt16LE(count * width);
  }
  return undefined;
}

/** A signed little-endian integer of 1, 2, 4 or 8 bytes; null for any other length. */
export function intOf(bytes: Buffer | undefined): bigint | null {
  switch (bytes?.length) {
    case 1:
      return BigInt(bytes.readInt8());
    case 2:
      return BigInt(bytes.readInt16LE());
    case 4:
      return BigInt(bytes.readInt32LE());
    case 8:
      return bytes.readBigInt64LE();
    default:
      return null;
  }
}

/** As intOf(), unsigned. */
export function uintOf(bytes: Buffer | undefined): bigint | null {
  const value = intOf(bytes);
  return value === null ? null : BigInt.asUintN(bytes!.length * 8, value);
}

/** A text ends at its NUL; "(NULL)" and <NA> are what Falco writes for a pointer to nothing. */
export function textOf(bytes: Buffer | undefined): string | null {
  if (!bytes || bytes.length === 0) return null;
  const end = bytes.indexOf(0);
  const text = bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  return text === "(NULL)" || text === "<NA>" ? null : text;
}

/** Both ends of a connection, client first. Addresses have 4 or 16 bytes. */
export interface Ends {
  readonly cip: Uint8Array;
  readonly cport: number;
  sip: Uint8Array;
  sport: number;
}

const UNIX = 1;
const INTERNET = 2;
const INTERNET6 = 10;

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const isMapped = (ip: Uint8Array): boolean => ip.length === 16 && MAPPED.every((byte, i) => ip[i] === byte);

/** A socket's two ends: family, then address and port of each. */
export function tupleOf(bytes: Buffer | undefined): Ends | string | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  const size = family === INTERNET ? 4 : 16;
  if ((family === INTERNET || family === INTERNET6) && bytes.length >= 1 + 2 * (size + 2)) {
    const end = (at: number) => ({
      ip: Uint8Array.from(bytes.subarray(at, at + size)),
      port: bytes.readUInt16LE(at + size),
    });
    const [c, s] = [end(1), end(1 + size + 2)];
    // A connection of IPv4 over a socket of IPv6 is one of IPv4.
    if (isMapped(c.ip) && isMapped(s.ip))
      return { cip: c.ip.slice(12), cport: c.port, sip: s.ip.slice(12), sport: s.port };
    return { cip: c.ip, cport: c.port, sip: s.ip, sport: s.port };
  }
  if (family !== UNIX || bytes.length < 17) return null;
  const pointer = (at: number) => bytes.readBigUInt64LE(at).toString(16);
  return `${pointer(1)}->${pointer(9)} ${textOf(bytes.subarray(17)) ?? ""}`;
}

/** A socket's own end: family, then address and port; of a Unix socket its path. */
export function serverEnd(bytes: Buffer | undefined): { sip: Uint8Array; sport: number } | string | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  if (family === UNIX) return textOf(bytes.subarray(1));
  const size = family === INTERNET ? 4 : family === INTERNET6 ? 16 : 0;
  if (size === 0 || bytes.length < 1 + size + 2) return null;
  const sip = Uint8Array.from(bytes.subarray(1, 1 + size));
  return { sip: isMapped(sip) ? sip.slice(12) : sip, sport: bytes.readUInt16LE(1 + size) };
}

/** As the kernel's struct sockaddr, which our records hold. */
export function sockaddrOf(bytes: Buffer | undefined): Uint8Array | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  const head = Buffer.from([family, 0]);
  if (family === UNIX) return Buffer.concat([head, bytes.subarray(1)]);
  const size = family === INTERNET ? 4 : family === INTERNET6 ? 16 : 0;
  if (size === 0 || bytes.length < 1 + size + 2) return null;
  const port = Buffer.alloc(2);
  port.writeUInt16BE(bytes.readUInt16LE(1 + size));
  const ip = bytes.subarray(1, 1 + size);
  return size === 4 ? Buffer.concat([head, port, ip]) : Buffer.concat([head, port, Buffer.alloc(4), ip]);
}

type Bits = readonly (readonly [falco: bigint, kernel: bigint])[];

const bits = (...kernel: bigint[]): Bits => kernel.map((value, i) => [1n << BigInt(i), value] as const);

const CLONE_BITS = bits(
  0x400n,
  0x200n,
  0x80000000n,
  0x8000000n,
  0x40000000n,
  0x20000n,
  0x20000000n,
  0x4000000n,
  0x8000n,
  0x100000n,
  0x2000n,
  0x800n,
  0x40000n,
  0x10000n,
  0x800000n,
  0x100n,
  0n,
  0n,
  0n,
  0n,
  0x10000000n,
  0n,
  0n,
  0x200000n,
  0x1000000n,
  0x80000n,
  0n,
  0x4000n,
  0x2000000n,
);
// Bits 0 and 1 are read and write; both are O_RDWR.
const OPEN_BITS: Bits = [
  [1n << 2n, 0x40n],
  [1n << 3n, 0x400n],
  [1n << 4n, 0x1000n],
  [1n << 5n, 0x80n],
  [1n << 6n, 0x800n],
  [1n << 7n, 0x101000n],
  [1n << 8n, 0x200n],
  [1n << 9n, 0x4000n],
  [1n << 10n, 0x10000n],
  [1n << 11n, 0x8000n],
  [1n << 12n, 0x80000n],
  [1n << 13n, 0x410000n],
];

// Of mmap, in Falco's order; those without a number here mean nothing to the kernel any more.
const MAP_BITS = bits(
  1n,
  2n,
  0x10n,
  0x20n,
  0x40n,
  0n,
  0x4000n,
  0x8000n,
  0x10000n,
  0x100n,
  0x800n,
  0x1000n,
  0n,
  0n,
  0x2000n,
);

function convert(table: Bits, value: bigint): bigint {
  return table.reduce((sum, [falco, kernel]) => ((value & falco) === 0n ? sum : sum | kernel), 0n);
}

/** CLONE_THREAD of clone(2). */
export const THREAD_FLAG = 0x10000n;

/** By table of our contract; other tables have the kernel's numbers in captures too. */
export const CONVERT: Record<string, (value: bigint) => bigint> = {
  open: (value) => {
    const access = [0n, 0n, 1n, 2n][Number(value & 3n)]!;
    return convert(OPEN_BITS, value) | access;
  },
  clone: (value) => convert(CLONE_BITS, value),
  mmap: (value) => convert(MAP_BITS, value),
  setns: (value) => convert(CLONE_BITS, value),
  fcntl: (value) => FCNTL[Number(value)] ?? value,
  ptrace_request: (value) => PTRACE[Number(value)] ?? value,
};

// Commands by Falco's numbers; those of 64 bits are the kernel's own of other processors.
const FCNTL: Readonly<Record<number, bigint>> = {
  1: 0n,
  2: 1n,
  3: 2n,
  4: 3n,
  5: 4n,
  6: 5n,
  8: 6n,
  9: 7n,
  10: 8n,
  12: 9n,
  13: 10n,
  15: 11n,
  21: 15n,
  22: 16n,
  23: 1024n,
  24: 1025n,
  25: 1029n,
  26: 1030n,
  27: 1026n,
  28: 1031n,
  29: 1032n,
  30: 36n,
  31: 37n,
  32: 38n,
};

// Requests in Falco's order, from 1.
const PTRACE: (bigint | undefined)[] = [
  undefined,
  0n,
  1n,
  2n,
  3n,
  4n,
  5n,
  6n,
  7n,
  8n,
  9n,
  16n,
  17n,
  24n,
  0x4200n,
  0x4201n,
  0x4202n,
  0x4203n,
  12n,
  0x4204n,
  13n,
  0x4205n,
  14n,
  15n,
  18n,
  19n,
];

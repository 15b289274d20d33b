// SPDX-License-Identifier: Apache-2.0
// Falco writes flags, commands and requests in numbers of its own where the kernel's differ between
// architectures. Our records hold x86-64's. These tables lead both ways; numbers of other tables are the
// same.
type Bits = readonly (readonly [falco: number, kernel: number])[];

const bits = (...kernel: number[]): Bits => kernel.map((value, i) => [1 << i, value] as const);

// A zero: a bit that only Falco has.
const CLONE_BITS = bits(
  0x400,
  0x200,
  0x80000000,
  0x8000000,
  0x40000000,
  0x20000,
  0x20000000,
  0x4000000,
  0x8000,
  0x100000,
  0x2000,
  0x800,
  0x40000,
  0x10000,
  0x800000,
  0x100,
  0,
  0,
  0,
  0,
  0x10000000,
  0,
  0,
  0x200000,
  0x1000000,
  0x80000,
  0,
  0x4000,
  0x2000000,
);
// Bits 0 and 1 are read and write; both are O_RDWR.
const OPEN_BITS: Bits = [
  [1 << 2, 0x40],
  [1 << 3, 0x400],
  [1 << 4, 0x1000],
  [1 << 5, 0x80],
  [1 << 6, 0x800],
  [1 << 7, 0x101000],
  [1 << 8, 0x200],
  [1 << 9, 0x4000],
  [1 << 10, 0x10000],
  [1 << 11, 0x8000],
  [1 << 12, 0x80000],
  [1 << 13, 0x410000],
];

// Of mmap, in Falco's order; those without a number here mean nothing to the kernel any more.
const MAP_BITS = bits(1, 2, 0x10, 0x20, 0x40, 0, 0x4000, 0x8000, 0x10000, 0x100, 0x800, 0x1000, 0, 0, 0x2000);

// Of openat2's `resolve` and of execveat.
const RESOLVE_BITS = bits(8, 0x10, 2, 4, 1, 0x20);
const EXECVEAT_BITS = bits(0x1000, 0x100);

function toKernel(table: Bits, value: number): number {
  let sum = 0;
  for (const [falco, kernel] of table) if ((value & falco) !== 0) sum |= kernel;
  return sum >>> 0;
}

function toFalco(table: Bits, value: number): number {
  let sum = 0;
  for (const [falco, kernel] of table) if (kernel !== 0 && (value & kernel) === (kernel | 0)) sum |= falco;
  return sum >>> 0;
}

/** CLONE_THREAD of clone(2). */
export const THREAD_FLAG = 0x10000;

// The flags of a capture are few, again and again.
function remembering(made: (value: number) => number): (value: number) => number {
  const known = new Map<number, number>();
  return (value) => {
    let one = known.get(value);
    if (one === undefined) {
      if (known.size >= REMEMBERED_MAX) known.clear();
      one = made(value);
      known.set(value, one);
    }
    return one;
  };
}

const REMEMBERED_MAX = 1000;

/** What a number is that nobody has a name for. */
const UNKNOWN = 0xffff;

interface BothWays {
  readonly toKernel: (value: number) => number;
  readonly toFalco: (value: number) => number;
}

const byBits = (table: Bits): BothWays => ({
  toKernel: remembering((value) => toKernel(table, value)),
  toFalco: remembering((value) => toFalco(table, value)),
});

// 0 is what Falco writes for a number that it does not know.
function byNumber(kernel: ReadonlyMap<number, number>): BothWays {
  const falco = new Map([...kernel].map(([theirs, ours]) => [ours, theirs]));
  return { toKernel: (value) => kernel.get(value) ?? UNKNOWN, toFalco: (value) => falco.get(value) ?? 0 };
}

const OPEN: BothWays = {
  toKernel: remembering((value) => toKernel(OPEN_BITS, value) | [0, 0, 1, 2][value & 3]!),
  toFalco: remembering((value) => toFalco(OPEN_BITS, value) | [1, 2, 3, 3][value & 3]!),
};
const FILE = byBits(OPEN_BITS);
const CLONE = byBits(CLONE_BITS);

// Commands by Falco's numbers; those of 64 bits are the kernel's own of other processors.
const FCNTL = new Map(
  Object.entries({
    1: 0,
    2: 1,
    3: 2,
    4: 3,
    5: 4,
    6: 5,
    8: 6,
    9: 7,
    10: 8,
    12: 9,
    13: 10,
    15: 11,
    21: 15,
    22: 16,
    23: 1024,
    24: 1025,
    25: 1029,
    26: 1030,
    27: 1026,
    28: 1031,
    29: 1032,
    30: 36,
    31: 37,
    32: 38,
  }).map(([falco, kernel]) => [Number(falco), kernel] as const),
);

// Requests in Falco's order, from 1.
const PTRACE = new Map(
  [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 24, 0x4200, 0x4201, 0x4202, 0x4203, 0x4204, 0x4205, 0x4206, 0x4207, 0x4208,
    0x4209, 0x420a, 0x420b, 12, 13, 14, 15, 18, 19, 21, 25, 26, 30, 31, 32, 33,
  ].map((kernel, i) => [i + 1, kernel] as const),
);
const LEVELS = new Map([
  [1, 1],
  [2, 6],
]);

/** By table of our contract. */
const TABLES: Readonly<Record<string, BothWays>> = {
  open: OPEN,
  dup3: FILE,
  pipe2: FILE,
  eventfd: FILE,
  userfaultfd: FILE,
  clone: CLONE,
  setns: CLONE,
  mmap: byBits(MAP_BITS),
  openat2_resolve: byBits(RESOLVE_BITS),
  execveat: byBits(EXECVEAT_BITS),
  fcntl: byNumber(FCNTL),
  ptrace_request: byNumber(PTRACE),
  sockopt_level: byNumber(LEVELS),
};

/** From Falco's number to the kernel's, by table of our contract. */
export const CONVERT: Readonly<Record<string, (value: number) => number>> = Object.fromEntries(
  Object.entries(TABLES).map(([name, { toKernel }]) => [name, toKernel]),
);
/** From the kernel's number to Falco's. */
export const CONVERT_BACK: Readonly<Record<string, (value: number) => number>> = Object.fromEntries(
  Object.entries(TABLES).map(([name, { toFalco }]) => [name, toFalco]),
);

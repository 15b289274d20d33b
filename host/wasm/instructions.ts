// SPDX-License-Identifier: Apache-2.0
// Where instructions end: what follows each opcode in a function body (WebAssembly core specification,
// "Instructions"). Nothing here knows what an instruction does. An opcode that is not listed ends the
// reading: a body that is read wrongly by one byte would be read as nonsense from there on.
import type { ModuleReader } from "./reader.js";

type Skip = (read: ModuleReader) => void;

const none: Skip = () => undefined;
const index: Skip = (read) => void read.u32();
const twoIndices: Skip = (read) => {
  read.u32();
  read.u32();
};
const leb: Skip = (read) => {
  while (read.u8() >= 0x80);
};
const memarg: Skip = (read) => {
  leb(read);
  leb(read);
};
const bytes =
  (count: number): Skip =>
  (read) =>
    void read.bytes(count);

function branchTable(read: ModuleReader): void {
  read.each(() => read.u32());
  read.u32();
}

function lane(read: ModuleReader): void {
  memarg(read);
  read.u8();
}

/** [first, last, what follows]. */
const PLAIN: readonly (readonly [number, number, Skip])[] = [
  [0x00, 0x01, none], // unreachable nop
  [0x02, 0x04, leb], // block loop if: a block type
  [0x05, 0x05, none], // else
  [0x0b, 0x0b, none], // end
  [0x0c, 0x0d, index], // br br_if
  [0x0e, 0x0e, branchTable], // br_table
  [0x0f, 0x0f, none], // return
  [0x10, 0x10, index], // call
  [0x11, 0x11, twoIndices], // call_indirect
  [0x1a, 0x1b, none], // drop select
  [0x1c, 0x1c, (read) => void read.each(() => read.u8())], // select t*
  [0x20, 0x26, index], // local.* global.* table.get table.set
  [0x28, 0x3e, memarg], // loads and stores
  [0x3f, 0x40, index], // memory.size memory.grow
  [0x41, 0x42, leb], // i32.const i64.const
  [0x43, 0x43, bytes(4)],
  [0x44, 0x44, bytes(8)],
  [0x45, 0xc4, none], // numeric
  [0xd0, 0xd0, bytes(1)], // ref.null
  [0xd1, 0xd1, none], // ref.is_null
  [0xd2, 0xd2, index], // ref.func
];

/** Behind 0xfc. */
const MISC: readonly (readonly [number, number, Skip])[] = [
  [0, 7, none], // trunc_sat
  [8, 8, twoIndices], // memory.init
  [9, 9, index], // data.drop
  [10, 10, twoIndices], // memory.copy
  [11, 11, index], // memory.fill
  [12, 12, twoIndices], // table.init
  [13, 13, index], // elem.drop
  [14, 14, twoIndices], // table.copy
  [15, 17, index], // table.grow table.size table.fill
];

/** Behind 0xfd. */
const VECTOR: readonly (readonly [number, number, Skip])[] = [
  [0, 11, memarg],
  [12, 13, bytes(16)],
  [14, 20, none],
  [21, 34, bytes(1)],
  [35, 83, none],
  [84, 91, lane],
  [92, 93, memarg],
  [94, 275, none],
];

// A large module has a million instructions.
const BY_CODE = { plain: byCode(PLAIN), misc: byCode(MISC), vector: byCode(VECTOR) };

function byCode(table: readonly (readonly [number, number, Skip])[]): readonly (Skip | undefined)[] {
  const out: (Skip | undefined)[] = Array.from({ length: table.at(-1)![1] + 1 });
  for (const [first, last, skip] of table) out.fill(skip, first, last + 1);
  return out;
}

/** Reads one instruction; gives its opcode. */
export function readInstruction(read: ModuleReader): number {
  const opcode = read.u8();
  const isPrefix = opcode === 0xfc || opcode === 0xfd;
  const code = isPrefix ? read.u32() : opcode;
  const skip = (isPrefix ? (opcode === 0xfc ? BY_CODE.misc : BY_CODE.vector) : BY_CODE.plain)[code];
  if (skip === undefined)
    return read.corrupt(`there is an instruction 0x${opcode.toString(16)} ${code} that is not known here`);
  skip(read);
  return opcode;
}

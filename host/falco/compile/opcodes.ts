// SPDX-License-Identifier: Apache-2.0
// WebAssembly's instructions that take nothing but operands, and its loads and stores with the alignment they
// ask for. Numbers: WebAssembly core specification 2.0, section 5.4.

const PLAIN = `
unreachable=00 nop=01 return=0f drop=1a select=1b memory.size=3f00
i32.eqz=45 i32.eq=46 i32.ne=47 i32.lt_s=48 i32.lt_u=49 i32.gt_s=4a i32.gt_u=4b i32.le_s=4c i32.le_u=4d i32.ge_s=4e i32.ge_u=4f
i64.eqz=50 i64.eq=51 i64.ne=52 i64.lt_s=53 i64.lt_u=54 i64.gt_s=55 i64.gt_u=56 i64.le_s=57 i64.le_u=58 i64.ge_s=59 i64.ge_u=5a
i32.clz=67 i32.ctz=68 i32.popcnt=69 i32.add=6a i32.sub=6b i32.mul=6c i32.div_s=6d i32.div_u=6e i32.rem_s=6f i32.rem_u=70
i32.and=71 i32.or=72 i32.xor=73 i32.shl=74 i32.shr_s=75 i32.shr_u=76 i32.rotl=77
i64.clz=79 i64.ctz=7a i64.popcnt=7b i64.add=7c i64.sub=7d i64.mul=7e i64.div_s=7f i64.div_u=80 i64.rem_s=81 i64.rem_u=82
i64.and=83 i64.or=84 i64.xor=85 i64.shl=86 i64.shr_s=87 i64.shr_u=88 i64.rotl=89
i32.wrap_i64=a7 i64.extend_i32_s=ac i64.extend_i32_u=ad
i8x16.splat=fd0f i8x16.eq=fd23 v128.and=fd4e v128.or=fd50 i8x16.bitmask=fd64
memory.copy=fc0a0000 memory.fill=fc0b00
`;
const MEMORY = `
i32.load=28/2 i64.load=29/3 i32.load8_s=2c/0 i32.load8_u=2d/0 i32.load16_s=2e/1 i32.load16_u=2f/1
v128.load=fd00/0 i64.load8_u=31/0 i64.load16_u=33/1 i64.load32_u=35/2 i32.store=36/2 i64.store=37/3 i32.store8=3a/0 i32.store16=3b/1
`;

/** The bytes of each instruction, by its name in the text format. */
export const PLAIN_OPS: ReadonlyMap<string, number[]> = new Map(
  PLAIN.trim()
    .split(/\s+/)
    .map((entry) => {
      const [name, hex] = entry.split("=");
      return [name!, [...Buffer.from(hex!, "hex")]];
    }),
);

/** Loads and stores: the opcode, and the power of two that the access is at most aligned to. */
export const MEMORY_OPS: ReadonlyMap<string, [number[], number]> = new Map(
  MEMORY.trim()
    .split(/\s+/)
    .map((entry) => {
      const [name, code] = entry.split("=");
      const [hex, align] = code!.split("/");
      return [name!, [[...Buffer.from(hex!, "hex")], Number(align)]];
    }),
);

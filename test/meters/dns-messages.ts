// SPDX-License-Identifier: Apache-2.0
// Messages of DNS, as bytes in latin1.
const TYPES = { A: 1, NS: 2, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, HTTPS: 65, AXFR: 252, SECRET: 4711 };
export type Type = keyof typeof TYPES;

const u16 = (number: number): string => String.fromCharCode((number >> 8) & 0xff, number & 0xff);
const nameOf = (name: string): string =>
  `${name
    .split(".")
    .filter((label) => label !== "")
    .map((label) => String.fromCharCode(label.length) + label)
    .join("")}\0`;

export interface Parts {
  readonly flags?: number;
  readonly answers?: number;
  /** Of OPT, behind all else: the upper bits of the response code. */
  readonly upper?: number;
  /** The name as bytes. */
  readonly raw?: string;
}

/** A query for a name. */
export const query = (
  id: number,
  name: string,
  type: Type = "A",
  { flags = 0x0100, answers = 0, upper, raw }: Parts = {},
): string => {
  const asked = `${raw ?? nameOf(name)}${u16(TYPES[type])}${u16(1)}`;
  const found = `\xc0\x0c${u16(1)}${u16(1)}\0\0\0\x3c${u16(4)}\xc0\x00\x02\x01`.repeat(answers);
  const opt = upper === undefined ? "" : `\0${u16(41)}${u16(1232)}${String.fromCharCode(upper)}\0\0\0${u16(0)}`;
  return `${u16(id)}${u16(flags)}${u16(1)}${u16(answers)}${u16(0)}${u16(opt === "" ? 0 : 1)}${asked}${found}${opt}`;
};

/** An answer to it, with the lower bits of its response code, and a record where that is 0. */
export const answer = (id: number, name: string, type: Type = "A", code = 0, parts: Parts = {}): string =>
  query(id, name, type, { flags: 0x8180 | code, answers: code === 0 ? 1 : 0, ...parts });

/** With its length, as on TCP. */
export const framed = (message: string): string => u16(message.length) + message;

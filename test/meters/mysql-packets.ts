// SPDX-License-Identifier: Apache-2.0
// Packets of MySQL and MariaDB, as bytes in latin1.
const u16 = (value: number): string => String.fromCharCode(value & 255, (value >> 8) & 255);
const u32 = (value: number): string => u16(value & 0xffff) + u16(value >>> 16);

export const packet = (number: number, body: string): string => u32((number << 24) | body.length) + body;
/** Several of them, counted from `number` on. */
export const packets = (number: number, ...bodies: string[]): string =>
  bodies.map((body, i) => packet((number + i) & 255, body)).join("");

const PROTOCOL_41 = 1 << 9;
export const NO_EOFS = 1 << 24;
export const TLS = 1 << 11;
export const COMPRESS = 1 << 5;
export const ATTRIBUTES = 1 << 27;

export const GREETING = packet(0, `\x0a11.8.9-MariaDB\0${u32(7)}saltsalt\0${"\0".repeat(20)}mysql_native_password\0`);
export const login = (can = NO_EOFS): string =>
  packet(1, `${u32(PROTOCOL_41 | can)}${u32(1 << 24)}\x2d${"\0".repeat(23)}root\0\0`);
export const command = (code: number, body = ""): string => packet(0, String.fromCharCode(code) + body);
export const query = (text: string): string => command(3, text);
export const prepare = (text: string): string => command(0x16, text);
export const execute = (id: number, flags = "\0"): string => command(0x17, `${u32(id)}${flags}\x01\0\0\0`);
export const close = (id: number): string => command(0x19, u32(id));

export const ok = (more = false): string => `\0\x01\0${u16(more ? 10 : 2)}\0\0`;
export const prepared = (id: number, columns: number, parameters: number): string =>
  `\0${u32(id)}${u16(columns)}${u16(parameters)}\0\0\0`;
export const failed = (number: number): string => `\xff${u16(number)}#42S02s3cret is no table`;
export const column = (name: string): string =>
  `\x03def\0\0\0${String.fromCharCode(name.length)}${name}\0\x0c\x2d\0\x0b\0\0\0\x03\0\0\0\0\0`;
export const row = (text: string): string => String.fromCharCode(text.length) + text;
/** Between columns and rows, and behind rows. */
export const eof = (status = 2): string => `\xfe\0\0${u16(status)}`;
/** Behind rows where there is none between. */
export const last = (more = false): string => `\xfe\0\0${u16(more ? 10 : 2)}\0\0`;
export const result = (number: number, ...rows: string[]): string =>
  packets(number, "\x01", column("a"), ...rows, last());

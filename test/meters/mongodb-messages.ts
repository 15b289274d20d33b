// SPDX-License-Identifier: Apache-2.0
// Messages of MongoDB, as bytes in latin1.
export type Bson = number | string | boolean | null | bigint | readonly Bson[] | { readonly [key: string]: Bson };

const i32 = (number: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number | 0);
  return bytes.toString("latin1");
};
const f64 = (number: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(number);
  return bytes.toString("latin1");
};

/** Whole numbers are of 32 bits; `ok` is what servers make it, of 64 with a point. */
function element(key: string, value: Bson): string {
  if (value === null) return `\n${key}\0`;
  if (typeof value === "boolean") return `\b${key}\0${value ? "\x01" : "\0"}`;
  if (typeof value === "string") return `\x02${key}\0${i32(value.length + 1)}${value}\0`;
  if (typeof value === "bigint") return `\x12${key}\0${i32(Number(value & 0xffffffffn))}${i32(Number(value >> 32n))}`;
  if (typeof value === "number") return key === "ok" ? `\x01${key}\0${f64(value)}` : `\x10${key}\0${i32(value)}`;
  return `${Array.isArray(value) ? "\x04" : "\x03"}${key}\0${bson(value as { [key: string]: Bson })}`;
}

export function bson(document: { readonly [key: string]: Bson } | readonly Bson[]): string {
  const elements = Object.entries(document)
    .map(([key, value]) => element(key, value))
    .join("");
  return `${i32(elements.length + 5)}${elements}\0`;
}

export const message = (id: number, to: number, code: number, body: string): string =>
  `${i32(body.length + 16)}${i32(id)}${i32(to)}${i32(code)}${body}`;

/** A command, or with `to` the reply to one. */
export const op = (id: number, document: { readonly [key: string]: Bson }, to = 0, flags = 0): string =>
  message(id, to, 2013, `${i32(flags)}\0${bson(document)}`);

/** Documents behind a command, as `insert` sends them; `isFirst`: before it. */
export function opWith(
  id: number,
  command: { readonly [key: string]: Bson },
  name: string,
  rows: string[],
  isFirst = false,
) {
  const body = `\0${bson(command)}`;
  const size = 4 + name.length + 1 + rows.join("").length;
  const sequence = `\x01${i32(size)}${name}\0${rows.join("")}`;
  return message(id, 0, 2013, `${i32(0)}${isFirst ? sequence + body : body + sequence}`);
}

/** What a client says first, in the old form, and its reply. */
export const oldQuery = (id: number, document: { readonly [key: string]: Bson }): string =>
  message(id, 0, 2004, `${i32(0)}admin.$cmd\0${i32(0)}${i32(-1)}${bson(document)}`);
export const oldReply = (id: number, to: number, document: { readonly [key: string]: Bson }): string =>
  message(id, to, 1, `${i32(8)}${i32(0)}${i32(0)}${i32(0)}${i32(1)}${bson(document)}`);
export const compressed = (id: number, to = 0): string =>
  message(id, to, 2012, `${i32(2013)}${i32(100)}\x01${"\x78".repeat(30)}`);

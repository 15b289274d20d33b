// SPDX-License-Identifier: Apache-2.0
// Values as an author writes them in tests.yaml, made into what stands in a slot: `O_RDONLY|O_CREAT`,
// `ENOENT`, `SIGKILL`, `0644`, `169.254.170.2:80`, `[fd00::1]:443`. A text that means nothing for the field's
// type is an Error with a sentence.
import { isIPv4, isIPv6 } from "node:net";
import type { Field } from "../../build/generated/events.js";
import { TABLES, type Table } from "../../build/generated/flags.js";
import type { SlotValue } from "../wire/builder.js";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** What stands in the slot of `field` for `value`. */
export function slotValue(field: Field, value: unknown): SlotValue {
  if (value === null || value === undefined) return null;
  switch (field.type) {
    case "path":
    case "relpath":
    case "str":
      return textOf(value);
    case "bytes":
      return value instanceof Uint8Array ? value : textOf(value);
    case "strlist":
      return Array.isArray(value) ? value.map(textOf) : textOf(value).split(" ");
    case "sockaddr":
      return sockaddrOf(textOf(value));
    case "addr":
      return addressOf(textOf(value));
    case "flags":
    case "enum":
      return typeof value === "string" ? maskOf(tableOf(field), value) : integerOf(value);
    case "sig":
      return typeof value === "string" && /^SIG/.test(value) ? named("signal", value) : integerOf(value);
    case "mode":
      return typeof value === "string" && /^0[0-7]+$/.test(value) ? Number.parseInt(value, 8) : integerOf(value);
    case "bool":
      return typeof value === "boolean" ? value : integerOf(value);
    default:
      return integerOf(value);
  }
}

/** A result: a number, or the name of an error, which the kernel returns negative. */
export function resultOf(value: unknown): number | bigint {
  return typeof value === "string" && /^E[A-Z0-9]+$/.test(value) ? -named("errno", value) : integerOf(value);
}

/** `1500ms`, `2s`, `5m` in ns. */
export function durationOf(value: unknown): bigint {
  const [, number, unit] = /^(\d+)(ms|s|m|h)$/.exec(String(value)) ?? [];
  if (number === undefined) throw new Error(`"${value}" is no duration: write 500ms, 2s, 5m or 1h`);
  return (
    BigInt(number) * { ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n }[unit as "ms"]
  );
}

/** An address of 4 or 16 bytes, and a port in host order. */
export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

/** `1.2.3.4:80` or `[fd00::1]:443`. */
export function endpointOf(text: string): Endpoint {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535)
    throw new Error(`"${text}" is no address and port: write 1.2.3.4:80 or [fd00::1]:443`);
  return { address: addressOf(six ?? (four as string)), port: Number(port) };
}

/** 4 or 16 bytes. */
export function addressOf(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes("%")) throw new Error(`"${text}" is no IP address`);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = addressOf(dotted[2] as string);
    return addressOf(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = "", tail] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const all = tail === undefined ? left : [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** A struct sockaddr: of an address and port, or of the path of a unix socket. */
export function sockaddrOf(text: string): Uint8Array {
  if (text.startsWith("/") || text.startsWith("@"))
    return Buffer.concat([u16(AF_UNIX), Buffer.from(`${text.replace(/^@/, "\0")}\0`)]);
  const { address, port } = endpointOf(text);
  const be = Buffer.from([port >> 8, port & 0xff]);
  if (address.length === 4) return Buffer.concat([u16(AF_INET), be, address, Buffer.alloc(8)]);
  return Buffer.concat([u16(AF_INET6), be, Buffer.alloc(4), address, Buffer.alloc(4)]);
}

function u16(value: number): Buffer {
  return Buffer.from([value & 0xff, value >> 8]);
}

function textOf(value: unknown): string {
  if (typeof value === "object") throw new Error("a text is expected");
  return String(value);
}

function integerOf(value: unknown): number | bigint {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return value;
  if (typeof value === "string" && /^-?(\d+|0x[0-9a-fA-F]+)$/.test(value))
    return value.startsWith("-") ? -BigInt(value.slice(1)) : BigInt(value);
  throw new Error(`"${value}" is no whole number`);
}

function maskOf(table: Table, text: string): bigint {
  return text
    .split("|")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== table.zero)
    .reduce((mask, name) => mask | rowOf(table, name), 0n);
}

function named(table: string, name: string): number {
  return Number(rowOf(TABLES[table] as Table, name));
}

function rowOf(table: Table, name: string): bigint {
  const row = table.rows.find((one) => one.name === name);
  if (row === undefined)
    throw new Error(`there is no ${name}; there are ${table.rows.map((one) => one.name).join(", ")}`);
  return row.value;
}

function tableOf(field: Field): Table {
  return TABLES[field.table ?? ""] ?? { kind: "flags", zero: null, rows: [] };
}

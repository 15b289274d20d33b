// SPDX-License-Identifier: Apache-2.0
//
// The event contract as the oracle reads it: parameters of each call, and numbers rendered by docs/wire.md
// ("Types of parameters and fields") and flags.yaml. Written apart from the product's own reader and
// renderer, so that a mistake in one shows against the other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../programs.js";

export interface Param {
  name: string;
  type: string;
  table: string;
}

export interface Recorded {
  type: string;
  params: Map<string, Param>;
}

interface Table {
  zero: string | undefined;
  rows: { name: string; value: bigint; mask: bigint }[];
}

const AT_FDCWD = -100n;
const TEXTS = ["path", "relpath", "str", "strlist", "bytes", "sockaddr"];

/** By the kernel's name of the call. */
export const CALLS = readCalls();
const TABLES = readTables();

export function callOfType(type: string): string {
  for (const [call, { type: known }] of CALLS) if (known === type) return call;
  throw new Error(`an event of no known type: ${type}`);
}

export function isText(param: Param): boolean {
  return TEXTS.includes(param.type);
}

export function render(param: Param, number: bigint): string {
  const small = BigInt.asIntN(32, number);
  switch (param.type) {
    case "fd":
      return small === AT_FDCWD ? "AT_FDCWD" : String(small);
    case "pid":
      return pidText(small);
    case "uid":
    case "gid":
      return small === -1n ? "<NONE>" : small === 0n ? "root" : String(BigInt.asUintN(32, number));
    case "hex":
      return `0x${BigInt.asUintN(64, number).toString(16)}`;
    case "uint":
      return param.name === "mode" ? modeText(number) : String(BigInt.asUintN(64, number));
    case "sig":
      return nameOf("signal", number);
    case "mode":
      return namesOf("mode", number);
    case "flags":
      return namesOf(param.table, BigInt.asUintN(64, number));
    case "enum":
      // Falco prints both names of this one.
      return nameOf(param.table, number).replace(/^AF_LOCAL$/, "AF_LOCAL|AF_UNIX");
    default:
      return String(BigInt.asIntN(64, number));
  }
}

/** Process ids differ between two runs; 0, 1 and negative ones have a meaning of their own. */
export function pidText(pid: bigint): string {
  return pid > 1n ? "PID" : String(pid);
}

export function errnoOf(name: string): bigint | undefined {
  return TABLES.get("errno")!.rows.find((row) => row.name === name)?.value;
}

function modeText(mode: bigint): string {
  return mode === 0n ? "0" : `0${(mode & 0o7777n).toString(8)}`;
}

function nameOf(table: string, number: bigint): string {
  return TABLES.get(table)!.rows.find((row) => row.value === number)?.name ?? String(number);
}

function namesOf(table: string, number: bigint): string {
  const { rows, zero } = TABLES.get(table)!;
  if (number === 0n && zero !== undefined) return zero;
  const set = rows.filter((row) => (number & row.mask) === row.value).map((row) => row.name);
  return set.length === 0 ? String(number) : set.join("|");
}

function readCalls(): Map<string, Recorded> {
  const { events } = readYaml("events.yaml") as {
    events: Record<string, { calls?: string[]; params: Record<string, string>[] }>;
  };
  const calls = new Map<string, Recorded>();
  for (const [type, event] of Object.entries(events)) {
    const params = event.params.flatMap((row) => Object.entries(row)).map(([name, text]) => paramOf(name, text));
    for (const call of event.calls ?? [type]) {
      calls.set(call, { type, params: new Map(params.map((param) => [param.name, param])) });
    }
  }
  return calls;
}

// `fd <- res`, `flags open`, `uint`.
function paramOf(name: string, text: string): Param {
  const [type, table] = text.split("<-")[0]!.trim().split(" ");
  return { name, type: type!, table: table ?? "" };
}

function readTables(): Map<string, Table> {
  const { flags, enums } = readYaml("flags.yaml") as {
    flags: Record<string, { zero?: string; bits: Record<string, bigint | [bigint, bigint]> }>;
    enums: Record<string, Record<string, bigint>>;
  };
  const tables = new Map<string, Table>();
  for (const [name, { zero, bits }] of Object.entries(flags)) {
    const rows = Object.entries(bits).map(([bit, given]) => {
      const [value, mask] = Array.isArray(given) ? given : [given, given];
      return { name: bit, value, mask };
    });
    tables.set(name, { zero, rows });
  }
  for (const [name, values] of Object.entries(enums)) {
    tables.set(name, {
      zero: undefined,
      rows: Object.entries(values).map(([row, value]) => ({ name: row, value, mask: ~0n })),
    });
  }
  return tables;
}

function readYaml(name: string): unknown {
  return parse(readFileSync(join(ROOT, "capture/wire", name), "utf8"), { intAsBigInt: true });
}

// SPDX-License-Identifier: Apache-2.0
// What the texts in a suite's steps are to the kernel: flags, signals, addresses, sets of capabilities.
import { constants } from "node:fs";
import { isIPv6 } from "node:net";
import { constants as os } from "node:os";
import { TABLES } from "../../build/generated/flags.js";

const NAMES = new Map<string, number>([
  ...Object.values(TABLES).flatMap(({ rows }) => rows.map(({ name, value }) => [name, Number(value)] as const)),
  ...Object.entries(os.signals),
  ...Object.entries(constants),
  ["AF_UNIX", 1],
  ["SOCK_STREAM", 1],
  ["SOCK_DGRAM", 2],
  ["SOCK_RAW", 3],
  ["AT_FDCWD", -100],
]);

/** `O_WRONLY|O_CREAT`, `0644`, `0x10`, `-100`, `SIGKILL` */
export function bits(text: string): number {
  return text.split("|").reduce((sum, part) => sum | numberOf(part.trim()), 0);
}

function numberOf(text: string): number {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  const value = NAMES.get(text) ?? Number(text);
  if (text === "" || Number.isNaN(value)) throw new Error(`no number is called ${JSON.stringify(text)}`);
  return value;
}

/** A word of a scene that is these bytes. */
export const hexOf = (bytes: Uint8Array): string => `b${Buffer.from(bytes).toString("hex")}`;

/** The struct sockaddr of `1.2.3.4:80`, `[::1]:80` or a path. */
export function socketAddress(text: string): Buffer {
  const found = /^\[?([0-9a-fA-F.:]+?)\]?:(\d+)$/.exec(text);
  if (!found) return Buffer.concat([Buffer.from([1, 0]), Buffer.from(text), Buffer.from([0])]);
  const [, host = "", port = ""] = found;
  const [high, low] = [Number(port) >> 8, Number(port) & 255];
  if (!isIPv6(host)) return Buffer.from([2, 0, high, low, ...host.split(".").map(Number), 0, 0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([Buffer.from([10, 0, high, low, 0, 0, 0, 0]), ipv6(host), Buffer.alloc(4)]);
}

function ipv6(text: string): Buffer {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => part.split(":").filter(Boolean);
  const [before, after] = [groups(head), groups(tail ?? "")];
  const all = [
    ...before,
    ...Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill("0"),
    ...after,
  ];
  return Buffer.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

const CAPABILITIES = new Map(TABLES.capabilities!.rows.map(({ name, value }) => [name.toLowerCase(), value]));

/** What a text of cap_from_text(3) gives a program that is started: hexadecimal, or `all`. */
export function capabilitySet(text: string): string {
  if (text === "all=iep" || text === "=ep" || text === "=iep") return "all";
  let set = 0n;
  for (const clause of text.trim().split(/\s+/)) {
    const [, names = "", actions = ""] = /^([\w,]*)((?:[=+-][eip]*)+)$/.exec(clause) ?? [];
    if (actions === "") throw new Error(`no capabilities are written ${text}`);
    const named = maskOf(names);
    for (const [, operator, flags = ""] of actions.matchAll(/([=+-])([eip]*)/g)) {
      if (operator !== "+") set &= operator === "=" || flags.includes("p") || flags.includes("e") ? ~named : ~0n;
      if (operator !== "-" && flags.includes("p")) set |= named;
    }
  }
  return set.toString(16);
}

function maskOf(names: string): bigint {
  if (names === "" || names === "all") return [...CAPABILITIES.values()].reduce((sum, value) => sum | value, 0n);
  return names.split(",").reduce((sum, name) => {
    const value = CAPABILITIES.get(name.toLowerCase());
    if (value === undefined) throw new Error(`no capability is called ${name}`);
    return sum | value;
  }, 0n);
}

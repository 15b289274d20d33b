// SPDX-License-Identifier: Apache-2.0
// Reads the values of checks on fields that are not text: numbers, ports, truths, addresses, networks, bytes
// in hex.

/** A value that does not fit its field, in Falco's words. */
export class ValueError extends Error {}

/** An address or network: 4 or 16 bytes, and how many leading bits count. */
export interface NetValue {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** A decimal or hexadecimal number as a signed 64-bit one. From 2^63 on it wraps, as in Falco. */
export function parseInteger(text: string): bigint {
  const found = /^([+-]?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(text);
  if (!found) throw new ValueError(`${text} is not a valid number`);
  const magnitude = BigInt(found[2]!);
  const value = found[1] === "-" ? -magnitude : magnitude;
  if (value < -(1n << 63n) || value >= 1n << 64n) throw new ValueError(`${text} is not a valid number`);
  return BigInt.asIntN(64, value);
}

/** `true` or `false`, and nothing else. */
export function parseBool(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new ValueError(`filter error: unrecognized boolean value ${text}`);
}

/** A number, or the name of a service. */
export function parsePort(text: string): bigint {
  const port = SERVICES[text] ?? (/^\d+$/.test(text) ? Number(text) : -1);
  if (port < 0 || port > 65535) throw new ValueError(`Unrecognized protocol "${text}"`);
  return BigInt(port);
}

// The well-known services that rules name; the system's table is not read, so that a rule means the same
// everywhere.
const SERVICES: Record<string, number> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  gopher: 70,
  finger: 79,
  http: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  ntp: 123,
  imap2: 143,
  snmp: 161,
  irc: 194,
  ldap: 389,
  https: 443,
  "microsoft-ds": 445,
  syslog: 514,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  socks: 1080,
  "ms-sql-s": 1433,
  nfs: 2049,
  mysql: 3306,
  "ms-wbt-server": 3389,
  postgresql: 5432,
  redis: 6379,
  "http-alt": 8080,
};

/** An IPv4 or IPv6 address as a network of all its bits. */
export function parseIp(text: string): NetValue {
  const bytes = text.includes(":") ? ipv6(text) : ipv4(text);
  if (!bytes) throw new ValueError(`unrecognized IP address ${text}`);
  return { bytes, bits: bytes.length * 8 };
}

/** An address, ADDRESS/BITS, or an IPv4 ADDRESS/MASK. */
export function parseNet(text: string): NetValue {
  const [address, mask, ...rest] = text.split("/");
  const bytes = address!.includes(":") ? ipv6(address!) : ipv4(address!);
  if (!bytes || rest.length > 0) throw new ValueError(`unrecognized IP net ${text}`);
  if (mask === undefined) return { bytes, bits: bytes.length * 8 };
  const dotted = bytes.length === 4 && mask.includes(".") ? ipv4(mask) : null;
  const bits = dotted ? maskBits(dotted) : /^\d+$/.test(mask) ? Number(mask) : -1;
  if (bits < 0 || bits > bytes.length * 8) throw new ValueError(`unrecognized IP net ${text}`);
  return { bytes, bits };
}

function maskBits(mask: Uint8Array): number {
  const text = [...mask].map((b) => b.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(text) ? text.replace(/0/g, "").length : -1;
}

function ipv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) <= 255)) return null;
  return Uint8Array.from(parts, Number);
}

function ipv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const words = (half: string): number[] | null => {
    if (half === "") return [];
    const out: number[] = [];
    const parts = half.split(":");
    for (const [i, part] of parts.entries()) {
      if (part.includes(".")) {
        const tail = i === parts.length - 1 ? ipv4(part) : null;
        if (!tail) return null;
        out.push(tail[0]! * 256 + tail[1]!, tail[2]! * 256 + tail[3]!);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
      else return null;
    }
    return out;
  };
  const head = words(halves[0]!);
  const tail = halves.length === 2 ? words(halves[1]!) : [];
  if (!head || !tail) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  const all = [...head, ...new Array<number>(halves.length === 2 ? gap : 0).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

/** Pairs of hexadecimal digits as a byte string. */
export function parseHexBytes(text: string): string {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
    throw new ValueError(`'${text}' is not a valid hex string`);
  return Buffer.from(text, "hex").toString("latin1");
}

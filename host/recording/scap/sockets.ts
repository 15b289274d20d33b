// SPDX-License-Identifier: Apache-2.0
// Addresses as a capture has them: a byte for the family, then address and port, ports with the low byte
// first. The way back is in params.ts.
import type { Batch } from "../../wire/batch.js";
import { typeCharOf } from "../../wire/descriptor.js";
import { DESCRIPTOR_AT } from "../../wire/layout.js";
import { readBytes, readInt } from "../../wire/slot.js";

const UNIX = 1;
const INTERNET = 2;
const INTERNET6 = 10;

/** Of the kernel's struct sockaddr. Null for none, and for a family that captures do not tell of. */
export function packedSockaddr(address: Buffer | null): Buffer | null {
  if (address === null || address.length < 2) return null;
  const family = address.readUInt16LE(0);
  if (family === UNIX) return Buffer.concat([Buffer.of(UNIX), address.subarray(2)]);
  const [at, size] = family === INTERNET ? [4, 4] : family === INTERNET6 ? [8, 16] : [0, 0];
  if (size === 0 || address.length < at + size) return null;
  const port = Buffer.alloc(2);
  port.writeUInt16LE(address.readUInt16BE(2));
  return Buffer.concat([Buffer.of(family), address.subarray(at, at + size), port]);
}

/** The two ends of a connection, and whether they are of IPv4 or of IPv6. */
export interface PackedEnds {
  readonly size: 4 | 16;
  readonly cip: Buffer;
  readonly cport: number;
  readonly sip: Buffer;
  readonly sport: number;
}

/** Null where an end is not known. */
export function endsOf(batch: Batch, descriptor: number): PackedEnds | null {
  const bytes = (field: string) =>
    readBytes(batch, batch.descriptorView, descriptor + (DESCRIPTOR_AT[field] as number));
  const port = (field: string) =>
    Number(readInt(batch.descriptorView, descriptor + (DESCRIPTOR_AT[field] as number)) ?? 0) & 0xffff;
  const [cip, sip] = [bytes("cip"), bytes("sip")];
  if (cip === null || sip === null || cip.length !== sip.length) return null;
  if (cip.length !== 4 && cip.length !== 16) return null;
  return { size: cip.length, cip, cport: port("cport"), sip, sport: port("sport") };
}

/**
 * Of a Unix socket: the kernel's addresses of both ends, and the path. Null where the name is none of these.
 */
export function unixEnds(name: Buffer | null): { source: bigint; peer: bigint; path: Buffer } | null {
  const found = name === null ? null : /^([0-9a-f]{1,16})->([0-9a-f]{1,16})(?: |$)/.exec(name.toString("latin1"));
  if (found === null) return null;
  const [all, source, peer] = found as unknown as [string, string, string];
  return { source: BigInt(`0x${source}`), peer: BigInt(`0x${peer}`), path: name!.subarray(all.length) };
}

/** The parameter `tuple` of a descriptor. Null where it has none. */
export function packedTuple(batch: Batch, descriptor: number): Buffer | null {
  const type = typeCharOf(batch, descriptor);
  if (type === "u") {
    const ends = unixEnds(readBytes(batch, batch.descriptorView, descriptor + (DESCRIPTOR_AT.name as number)));
    if (ends === null) return null;
    const head = Buffer.alloc(17);
    head[0] = UNIX;
    head.writeBigUInt64LE(ends.source, 1);
    head.writeBigUInt64LE(ends.peer, 9);
    return Buffer.concat([head, ends.path, Buffer.of(0)]);
  }
  if (type !== "4" && type !== "6") return null;
  const ends = endsOf(batch, descriptor);
  if (ends === null) return null;
  const ports = Buffer.alloc(4);
  ports.writeUInt16LE(ends.cport, 0);
  ports.writeUInt16LE(ends.sport, 2);
  const family = ends.size === 4 ? INTERNET : INTERNET6;
  return Buffer.concat([Buffer.of(family), ends.cip, ports.subarray(0, 2), ends.sip, ports.subarray(2)]);
}

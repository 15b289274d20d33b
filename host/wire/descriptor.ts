// SPDX-License-Identifier: Apache-2.0
// The descriptor table of a batch, by functions of the batch and the byte at which an entry begins; -1 is no
// descriptor.

import { addressText } from "./address.js";
import type { Batch } from "./batch.js";
import { DESCRIPTOR_AT } from "./layout.js";
import { type Int, readBytes, readInt, readText } from "./slot.js";

const TYPE = DESCRIPTOR_AT.type as number;
const FLAGS = DESCRIPTOR_AT.flags as number;
const NAME = DESCRIPTOR_AT.name as number;

/** Falco's fd.type for each fd.typechar. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  f: "file",
  d: "directory",
  4: "ipv4",
  6: "ipv6",
  u: "unix",
  n: "netlink",
  p: "pipe",
  e: "event",
  s: "signalfd",
  l: "eventpoll",
  i: "inotify",
  t: "timerfd",
  m: "memfd",
  b: "bpf",
  r: "io_uring",
  o: "other",
};

/**
 * An integer of the entry that begins at byte `descriptor`. `field` is from DESCRIPTOR_AT. Null for no
 * descriptor and for no value.
 */
export const descriptorInt = (batch: Batch, descriptor: number, field: number): Int | null =>
  descriptor < 0 ? null : readInt(batch.descriptorView, descriptor + field);
/**
 * A text of the entry that begins at byte `descriptor`. `field` is from DESCRIPTOR_AT. Null for no descriptor
 * and for no value.
 */
export const descriptorText = (batch: Batch, descriptor: number, field: number): string | null =>
  descriptor < 0 ? null : readText(batch, batch.descriptorView, descriptor + field);

/**
 * An IP address of the entry as text (`field` says which end). Null for anything that is not 4 or 16 bytes.
 */
export function addressOf(batch: Batch, descriptor: number, field: number): string | null {
  const bytes = descriptor < 0 ? null : readBytes(batch, batch.descriptorView, descriptor + field);
  return bytes === null ? null : addressText(bytes);
}

/** Falco's fd.typechar: one letter or digit. Null for no descriptor, or one whose type nobody knows. */
export function typeCharOf(batch: Batch, descriptor: number): string | null {
  const code = descriptorInt(batch, descriptor, TYPE);
  return code === null || code === 0 ? null : String.fromCharCode(Number(code));
}

/** Falco's fd.type, the word for typeCharOf()'s letter: `file`, `ipv4`, `pipe` ... */
export function typeNameOf(batch: Batch, descriptor: number): string | null {
  const char = typeCharOf(batch, descriptor);
  return char === null ? null : (TYPE_NAMES[char] ?? null);
}

/** The name as Falco forms it: a joined path, `client:port->server:port`, or a Unix socket's path. */
export function nameOf(batch: Batch, descriptor: number): string | null {
  return descriptorText(batch, descriptor, NAME);
}

/** Whether the entry has this DescriptorFlag. False for no descriptor. */
export function hasFlag(batch: Batch, descriptor: number, flag: number): boolean {
  return descriptor >= 0 && (batch.descriptorView.getUint32(descriptor + FLAGS, true) & flag) !== 0;
}

/** True for files and directories. */
export function isFileLike(batch: Batch, descriptor: number): boolean {
  const char = typeCharOf(batch, descriptor);
  return char === "f" || char === "d";
}

/** True for IPv4 and IPv6 sockets, and not for Unix sockets. */
export function isInternet(batch: Batch, descriptor: number): boolean {
  const char = typeCharOf(batch, descriptor);
  return char === "4" || char === "6";
}

// SPDX-License-Identifier: Apache-2.0
// Reads a file that another user controls. A pipe in its place would keep us waiting for ever, and a device
// would never end. So this opens the file without waiting, asks what it is, and reads it by that descriptor.
// Another file that is put in its place meanwhile changes nothing.
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, readSync } from "node:fs";

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Of a file that has grown since it was asked how large it is, at once. */
const PART_BYTES = 64 << 10;

/** Bounds of one read. */
export interface PlainFileOptions {
  /** In bytes. */
  readonly most: number;
  /** A link may lead to it; default: yes. */
  readonly isLinkGood?: boolean;
  /** Where it must be when it is open, whatever folders on the way have become links since they were seen. */
  readonly real?: string;
}

/** A file's bytes, and the user id of its owner at the moment of reading. */
export interface OwnedFile {
  readonly bytes: Buffer;
  readonly uid: number;
}

/** What is there is none, or too large. */
export class NotPlain extends Error {}

/** Throws the system's error, or NotPlain. */
export function readPlainFile(path: string, options: PlainFileOptions): Buffer {
  return readOwnedFile(path, options).bytes;
}

/** Of this process: nobody else can put another file in its place. `<(command)` of a shell is one. */
const OWN_DESCRIPTOR = /^\/(dev|proc\/self)\/(fd\/\d+|stdin|null)$/;

/** What a person names: the same, or what stands at a descriptor that we were started with. */
export function readGivenFile(path: string, options: PlainFileOptions): Buffer {
  return OWN_DESCRIPTOR.test(path) ? readFileSync(path) : readPlainFile(path, options);
}

/** The same, with the user id of its owner when it was read. */
export function readOwnedFile(path: string, { most, isLinkGood = true, real }: PlainFileOptions): OwnedFile {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | (isLinkGood ? 0 : O_NOFOLLOW));
  try {
    const place = real === undefined ? undefined : readlinkSync(`/proc/self/fd/${fd}`);
    if (place !== real && place !== `${real} (deleted)`) throw new NotPlain("a link leads to it");
    const status = fstatSync(fd);
    if (status.isDirectory()) throw new NotPlain("it is a folder");
    if (!status.isFile()) throw new NotPlain("it is not a plain file");
    if (status.size > most) throw tooLarge(most);
    return { bytes: bytesOf(fd, status.size, most), uid: status.uid };
  } finally {
    closeSync(fd);
  }
}

/** To its end, wherever that is by now: who writes to it may let it grow without end meanwhile. */
function bytesOf(fd: number, size: number, most: number): Buffer {
  const parts: Buffer[] = [];
  let read = 0;
  for (;;) {
    const part = Buffer.allocUnsafe(read === 0 ? size + 1 : Math.min(most - read + 1, PART_BYTES));
    const count = readSync(fd, part);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
    read += count;
    if (read > most) throw tooLarge(most);
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

const tooLarge = (most: number): NotPlain => new NotPlain(`it is larger than ${most} bytes`);

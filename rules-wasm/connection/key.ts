// SPDX-License-Identifier: Apache-2.0
// By what a connection is known, who wrote to it, and whose it is.
import { Descriptor } from "../descriptor";
import { Event } from "../event";
import { Str } from "../str";
import { mix, textHash } from "../string-set";
import { batchSource, frameNumber, setSpan } from "../wire/frame";

const NOTHING: u64 = 0x8000000000000000;

const UDP: u64 = 17;
const SLASH: u32 = 0x2f;

/** Whether bytes come in their order there, and from one peer. */
export function isStream(fd: Descriptor): bool {
  return (fd.isInetSocket && fd.l4proto != UDP) || fd.isUnixSocket;
}

/** Whether each call moves a message of its own there: such a socket never becomes a stream. */
export function isDatagram(fd: Descriptor): bool {
  return fd.isInetSocket && fd.l4proto == UDP;
}

/** A socket by its inode, else by its number in the process. */
export function socketOf(e: Event): u64 {
  const ino = e.fd.ino, source = batchSource();
  return ino != 0 && ino != NOTHING ? mix(ino, source) : mix(mix(e.proc.key, e.fd_num), source);
}

/** A process and its descriptor. */
export function writerOf(e: Event): u64 {
  return mix(e.proc.key, <u64>e.fd_num);
}

/** The process whose program was asked for last, in which frame, and the program. */
let askedAt: usize = 0;
let askedIn: u32 = 0;
let asked: u64 = 0;
/** What a program's name is given as. */
const named: usize = heap.alloc(8);

/** A program of an agent: what has names and templates of its own. */
export function programOf(e: Event): u64 {
  const process = changetype<usize>(e.proc);
  if (process == askedAt && frameNumber() == askedIn) return asked;
  const program = e.proc.exepath;
  askedAt = process;
  askedIn = frameNumber();
  asked = textHash(program.address, program.size, batchSource());
  return asked;
}

/**
 * `process.executable.name`: the last part of the executable's path. It is good until the next is asked for.
 */
export function programName(e: Event): Str {
  const path = e.proc.exepath, at = path.address;
  let from = path.size;
  while (from > 0 && load<u8>(at + from - 1) != SLASH) from--;
  return changetype<Str>(setSpan(named, at + from, path.size - from));
}

/**
 * Stands for the labels of one operation: another number for another program, for other words of `told`, and
 * for a client also for another server.
 */
export function labelsKey(e: Event, isOfClient: bool, told: u64): u64 {
  const key = mix(programOf(e), told);
  if (!isOfClient) return key;
  const address = e.fd.sip;
  return mix(textHash(address.address, address.size, key), e.fd.sport) ^ 1;
}

// SPDX-License-Identifier: Apache-2.0
// By what a connection is known, who wrote to it, and whose it is.
import { Descriptor } from "../descriptor";
import { Event } from "../event";
import { mix, textHash } from "../string-set";
import { batchSource } from "../wire/frame";

const NOTHING: u64 = 0x8000000000000000;

const UDP: u64 = 17;

/** Whether bytes come in their order there, and from one peer. */
export function isStream(fd: Descriptor): bool {
  return (fd.isInetSocket && fd.l4proto != UDP) || fd.isUnixSocket;
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

/** A program of an agent: what has names and templates of its own. */
export function programOf(e: Event): u64 {
  const program = e.proc.exepath;
  return mix(textHash(program.address, program.size), batchSource());
}

// SPDX-License-Identifier: Apache-2.0
// What calls do to sockets: which of them make, take, use and close a connection, and whether it was made.
import { EVENTS } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { descriptorInt } from "../wire/descriptor.js";
import { DESCRIPTOR_AT as FD } from "../wire/layout.js";

/** The ids of events of these names. */
export function idsOf(names: string): ReadonlySet<number> {
  const wanted = new Set(names.split(" "));
  return new Set(EVENTS.flatMap(({ name, id }) => (wanted.has(name) ? [id] : [])));
}

/** Bytes come out of the socket. */
export const READS = idsOf("read pread readv preadv preadv2 recvfrom recvmsg");
/** Bytes go into the socket. */
export const WRITES = idsOf("write pwrite writev pwritev pwritev2 sendto sendmsg sendfile");
/** A connection is made. */
export const CONNECT = idsOf("connect");
/** A connection is taken. */
export const ACCEPT = idsOf("accept accept4");
/** A descriptor of it is gone. */
export const CLOSE = idsOf("close");

/** SOCK_STREAM, socket(2). */
export const STREAM = 1;
const [TCP, UDP] = [6, 17];
/** By the number of protocols(5). */
export const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  [TCP]: "tcp",
  [UDP]: "udp",
  58: "icmp",
  255: "raw",
};

/** The protocol's number; where the agent does not know it, what the type of the socket makes likely. */
export function l4protoOf(batch: Batch, descriptor: number): number {
  const number = (field: string): number => Number(descriptorInt(batch, descriptor, FD[field] as number) ?? 0);
  return number("l4proto") || (number("socktype") === STREAM ? TCP : UDP);
}

/** Errors of a connect that is under way (connect(2)). */
const UNDER_WAY: ReadonlySet<string> = new Set(["EINPROGRESS", "EINTR"]);
/** Errors of a connect after another one that counts. */
export const WAS_MADE: ReadonlySet<string> = new Set(["EALREADY", "EISCONN"]);
/** Whether a connect or an accept with this error counts as a connection; null: none. */
export const isMade = (error: string | null): boolean => error === null || UNDER_WAY.has(error);

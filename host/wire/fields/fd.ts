// SPDX-License-Identifier: Apache-2.0
// fd.*: what it was done to. fd.name is the joined path (a string operation, as in Falco), fd.realpath what
// the kernel calls the file. Of a connection, c is the client and s the server, l our side and r the other.
import type { EventType } from "../../../build/generated/events.js";
import type { Batch } from "../batch.js";
import {
  addressOf,
  descriptorInt,
  descriptorText,
  hasFlag,
  isFileLike,
  isInternet,
  nameOf,
  typeCharOf,
  typeNameOf,
} from "../descriptor.js";
import { DESCRIPTOR_AT, DescriptorFlag } from "../layout.js";
import { nameOfValue } from "../names.js";
import { directoryOf, fileNameOf } from "../path.js";
import { containerIdOf, descriptorAt, eventOf, fdOf, tidOf } from "../record.js";
import type { Value } from "../value.js";
import type { FieldGetter, FieldRow, FieldRows } from "./row.js";

type OfDescriptor = (batch: Batch, descriptor: number) => Value;

const at = (field: string): number => DESCRIPTOR_AT[field] as number;
const CLIENT = { ip: at("cip"), port: at("cport") } as const;
const SERVER = { ip: at("sip"), port: at("sport") } as const;
/** By the number in /etc/protocols; what is missing has no name in Falco either. */
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmp", 255: "raw" };
const SOCKET_TYPES = new Set(["4", "6", "u", "n", "o"]);

const of = (get: OfDescriptor): FieldRow => ({ get: (batch, offset) => get(batch, descriptorAt(batch, offset)) });
const ofFile = (get: (name: string) => string): FieldRow =>
  of((batch, descriptor) => {
    const name = isFileLike(batch, descriptor) ? nameOf(batch, descriptor) : null;
    return name === null ? null : get(name);
  });
const ip =
  (end: { ip: number }): OfDescriptor =>
  (batch, descriptor) =>
    addressOf(batch, descriptor, end.ip);
const port =
  (end: { port: number }): OfDescriptor =>
  (batch, descriptor) =>
    isInternet(batch, descriptor) ? descriptorInt(batch, descriptor, end.port) : null;
const isServer = (batch: Batch, descriptor: number): boolean => hasFlag(batch, descriptor, DescriptorFlag.server);
const local =
  (get: (end: typeof CLIENT | typeof SERVER) => OfDescriptor): OfDescriptor =>
  (batch, descriptor) =>
    get(isServer(batch, descriptor) ? SERVER : CLIENT)(batch, descriptor);
const remote =
  (get: (end: typeof CLIENT | typeof SERVER) => OfDescriptor): OfDescriptor =>
  (batch, descriptor) =>
    get(isServer(batch, descriptor) ? CLIENT : SERVER)(batch, descriptor);
const both =
  (get: (end: typeof CLIENT | typeof SERVER) => OfDescriptor): OfDescriptor =>
  (batch, descriptor) => {
    const ends = [get(CLIENT)(batch, descriptor), get(SERVER)(batch, descriptor)].filter((end) => end !== null);
    return ends.length === 0 ? null : ends;
  };
/** A port as digits: Falco names it only when it is told to. */
const digits = (get: OfDescriptor): FieldRow =>
  of((batch, descriptor) => {
    const number = get(batch, descriptor);
    return number === null ? null : String(number);
  });
const flag = (bit: number): FieldRow =>
  of((batch, descriptor) => (descriptor < 0 ? null : hasFlag(batch, descriptor, bit)));

function protocol(batch: Batch, descriptor: number): Value {
  const number = isInternet(batch, descriptor) ? descriptorInt(batch, descriptor, at("l4proto")) : null;
  return number === null ? null : (PROTOCOLS[Number(number)] ?? null);
}

/** `ip`, `unix`: Falco's word for the family of a socket. */
function socketFamily(batch: Batch, descriptor: number): Value {
  const char = typeCharOf(batch, descriptor);
  return char === "4" || char === "6" ? "ip" : char === "u" ? "unix" : null;
}

/** Falco's fd.dev is what makedev(3) makes of the two. */
const device = (part: (dev: bigint) => bigint): FieldRow =>
  of((batch, descriptor) => {
    const dev = descriptorInt(batch, descriptor, at("dev"));
    return dev === null ? null : Number(part(BigInt(dev)));
  });

/** -1 for a descriptor that an open did not get; nothing where an event has no descriptor. */
const num: FieldGetter = (batch, offset) => {
  const fd = fdOf(batch, offset);
  return fd >= 0 || hasDescriptor(eventOf(batch, offset)) ? fd : null;
};
const hasDescriptor = (event: EventType): boolean =>
  event.params.some((param) => param.type === "fd" && param.from !== null);

/** Thread and descriptor, one behind the other: unique for as long as the descriptor is open. */
const uid: FieldGetter = (batch, offset) => {
  const fd = num(batch, offset);
  return fd === null ? null : `${tidOf(batch, offset)}${fd}`;
};

/** `3ad7b26ded6d:/etc/passwd`; outside a container nothing stands before the colon. */
const inContainer = (row: FieldRow): FieldRow => ({
  get: (batch, offset) => {
    const value = row.get?.(batch, offset) ?? null;
    return value === null ? null : `${containerIdOf(batch, offset) ?? ""}:${value}`;
  },
});
const name = of(nameOf);
const directory = ofFile(directoryOf);

/** How each fd.* field is read. Null where the event has no descriptor. */
export const FD_FIELDS: FieldRows = {
  "fd.num": { get: num },
  "fd.uid": { get: uid },
  "fd.type": of(typeNameOf),
  "fd.typechar": of(typeCharOf),
  "fd.name": name,
  "fd.containername": inContainer(name),
  "fd.nameraw": of((batch, descriptor) => descriptorText(batch, descriptor, at("nameraw"))),
  "fd.realpath": of((batch, descriptor) => descriptorText(batch, descriptor, at("realpath"))),
  "fd.directory": directory,
  "fd.containerdirectory": inContainer(directory),
  "fd.filename": ofFile(fileNameOf),
  "fd.ip": of(both(ip)),
  "fd.cip": of(ip(CLIENT)),
  "fd.sip": of(ip(SERVER)),
  "fd.lip": of(local(ip)),
  "fd.rip": of(remote(ip)),
  "fd.net": of(both(ip)),
  "fd.cnet": of(ip(CLIENT)),
  "fd.snet": of(ip(SERVER)),
  "fd.lnet": of(local(ip)),
  "fd.rnet": of(remote(ip)),
  "fd.port": of(both(port)),
  "fd.cport": of(port(CLIENT)),
  "fd.sport": of(port(SERVER)),
  "fd.lport": of(local(port)),
  "fd.rport": of(remote(port)),
  "fd.proto": of(both(port)),
  "fd.cproto": digits(port(CLIENT)),
  "fd.sproto": digits(port(SERVER)),
  "fd.lproto": digits(local(port)),
  "fd.rproto": digits(remote(port)),
  "fd.l4proto": of(protocol),
  "fd.sockfamily": of(socketFamily),
  "fd.family": of((batch, descriptor) => {
    const family = SOCKET_TYPES.has(typeCharOf(batch, descriptor) ?? "")
      ? descriptorInt(batch, descriptor, at("family"))
      : null;
    return family === null ? null : nameOfValue("socket_family", family);
  }),
  "fd.is_server": flag(DescriptorFlag.server),
  "fd.connected": flag(DescriptorFlag.connected),
  "fd.name_changed": flag(DescriptorFlag.nameChanged),
  "fd.dev": device((dev) => dev),
  "fd.dev.major": device((dev) => ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)),
  "fd.dev.minor": device((dev) => (dev & 0xffn) | ((dev >> 12n) & ~0xffn)),
  "fd.ino": of((batch, descriptor) => descriptorInt(batch, descriptor, at("ino"))),
};

// SPDX-License-Identifier: Apache-2.0
// Fields of a descriptor that Falco makes of others: fd.directory, fd.type, fd.l4proto, ports.
import { Descriptor } from "../descriptor";
import { Str } from "../str";
import { Room, Word } from "./room";

const SLASH: u8 = 0x2f;

// @ts-ignore: decorator
@lazy const folder: Room = new Room();
// @ts-ignore: decorator
@lazy const last: Room = new Room();
// @ts-ignore: decorator
@lazy const kind: Room = new Room();
// @ts-ignore: decorator
@lazy const letter: Room = new Room();
// @ts-ignore: decorator
@lazy const protocol: Room = new Room();
// @ts-ignore: decorator
@lazy const family: Room = new Room();
// @ts-ignore: decorator
@lazy const root: Word = new Word("/");
// @ts-ignore: decorator
@lazy const file: Word = new Word("file");
// @ts-ignore: decorator
@lazy const directoryWord: Word = new Word("directory");
// @ts-ignore: decorator
@lazy const ipv4: Word = new Word("ipv4");
// @ts-ignore: decorator
@lazy const ipv6: Word = new Word("ipv6");
// @ts-ignore: decorator
@lazy const unix: Word = new Word("unix");
// @ts-ignore: decorator
@lazy const netlink: Word = new Word("netlink");
// @ts-ignore: decorator
@lazy const pipe: Word = new Word("pipe");
// @ts-ignore: decorator
@lazy const event: Word = new Word("event");
// @ts-ignore: decorator
@lazy const signalfd: Word = new Word("signalfd");
// @ts-ignore: decorator
@lazy const eventpoll: Word = new Word("eventpoll");
// @ts-ignore: decorator
@lazy const inotify: Word = new Word("inotify");
// @ts-ignore: decorator
@lazy const timerfd: Word = new Word("timerfd");
// @ts-ignore: decorator
@lazy const memfd: Word = new Word("memfd");
// @ts-ignore: decorator
@lazy const bpf: Word = new Word("bpf");
// @ts-ignore: decorator
@lazy const ioUring: Word = new Word("io_uring");
// @ts-ignore: decorator
@lazy const other: Word = new Word("other");
// @ts-ignore: decorator
@lazy const icmp: Word = new Word("icmp");
// @ts-ignore: decorator
@lazy const tcp: Word = new Word("tcp");
// @ts-ignore: decorator
@lazy const udp: Word = new Word("udp");
// @ts-ignore: decorator
@lazy const raw: Word = new Word("raw");
// @ts-ignore: decorator
@lazy const ip: Word = new Word("ip");

/** fd.directory: of a file's or a directory's path. */
export function directory(fd: Descriptor): Str {
  if (!isPath(fd)) return folder.none();
  const slash = lastSlash(fd.name);
  return slash <= 0 ? root.text : folder.at(fd.name.address, <u32>slash);
}

/** fd.filename: the last part of a file's or a directory's path. */
export function fileName(fd: Descriptor): Str {
  if (!isPath(fd)) return last.none();
  const begin = <u32>(lastSlash(fd.name) + 1);
  return last.at(fd.name.address + begin, fd.name.size - begin);
}

/** fd.typechar */
export function typeChar(fd: Descriptor): Str {
  if (!fd.exists || fd.type == 0) return letter.none();
  const to = letter.take(1);
  store<u8>(to, <u8>fd.type);
  return letter.text(to + 1);
}

/** fd.type */
export function fdType(fd: Descriptor): Str {
  switch (<u32>fd.type) {
    case 0x66: return file.text; // f
    case 0x64: return directoryWord.text; // d
    case 0x34: return ipv4.text; // 4
    case 0x36: return ipv6.text; // 6
    case 0x75: return unix.text; // u
    case 0x6e: return netlink.text; // n
    case 0x70: return pipe.text; // p
    case 0x65: return event.text; // e
    case 0x73: return signalfd.text; // s
    case 0x6c: return eventpoll.text; // l
    case 0x69: return inotify.text; // i
    case 0x74: return timerfd.text; // t
    case 0x6d: return memfd.text; // m
    case 0x62: return bpf.text; // b
    case 0x72: return ioUring.text; // r
    case 0x6f: return other.text; // o
    default: return kind.none();
  }
}

/** fd.l4proto: of connections over IP. */
export function l4proto(fd: Descriptor): Str {
  switch (fd.isInetSocket ? <u32>fd.l4proto : 0) {
    case 1: return icmp.text;
    case 6: return tcp.text;
    case 17: return udp.text;
    case 58: return icmp.text;
    case 255: return raw.text;
    default: return protocol.none();
  }
}

/** fd.sockfamily: ip or unix. */
export function sockFamily(fd: Descriptor): Str {
  if (fd.isInetSocket) return ip.text;
  return fd.isUnixSocket ? unix.text : family.none();
}

/** fd.cport; absent but over IP. */
export function clientPort(fd: Descriptor): i64 {
  return fd.isInetSocket ? <i64>fd.cport : i64.MIN_VALUE;
}

/** fd.sport; absent but over IP. */
export function serverPort(fd: Descriptor): i64 {
  return fd.isInetSocket ? <i64>fd.sport : i64.MIN_VALUE;
}

/** fd.lport; absent but over IP. */
export function localPort(fd: Descriptor): i64 {
  return fd.is_server ? serverPort(fd) : clientPort(fd);
}

/** fd.rport; absent but over IP. */
export function remotePort(fd: Descriptor): i64 {
  return fd.is_server ? clientPort(fd) : serverPort(fd);
}

function isPath(fd: Descriptor): bool {
  return (fd.isFile || fd.isDirectory) && fd.name.exists;
}

function lastSlash(path: Str): i32 {
  let i = <i32>path.size - 1;
  while (i >= 0 && load<u8>(path.address + i) != SLASH) i--;
  return i;
}

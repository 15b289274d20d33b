// SPDX-License-Identifier: Apache-2.0
// Signs that a program is at its limits, whatever it speaks: time in calls, errors that mean "no more", sends
// that took less than was asked, and bytes of files. Labels are words of lists, names of programs, devices
// and folders of the operator's. Which call counts as what stands in groupOf().
import {
  AnySend, AnyWrite, counter, Descriptor, Errno, Event, EventId, histogram, meter, param,
} from "vedette";
import { labelsKey, programName } from "vedette/protocols";

const TIME = histogram({
  name: "vedette.syscall.time",
  unit: "s",
  doc: "time that programs were in calls, waiting included",
  labels: ["process.executable.name", "vedette.syscall.group"],
  bounds: [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10],
});
const ERRORS = counter({
  name: "vedette.syscall.errors",
  unit: "{call}",
  doc: "calls that failed, by error",
  labels: ["process.executable.name", "vedette.syscall.group", "error.type"],
  slots: 500,
});
const SHORT = counter({
  name: "vedette.socket.short_writes",
  unit: "{call}",
  doc: "writes to sockets that took fewer bytes than they were given: the other side is slower",
  labels: ["process.executable.name"],
});
const IO = counter({
  name: "vedette.file.io",
  unit: "By",
  doc: "bytes that programs read from files and wrote to them",
  labels: ["process.executable.name", "disk.io.direction", "system.device", "system.filesystem.mountpoint"],
  slots: 500,
});

const MOUNTS = param.strings("mounts");

/** What a call does. The first letters say to what. */
enum Group { OPEN, FILE_READ, FILE_WRITE, ACCEPT, CONNECT, SOCKET_READ, SOCKET_WRITE, PIPE_READ, PIPE_WRITE, OTHER_READ, OTHER_WRITE, MAKE }
const GROUPS: string[] = [
  "file.open", "file.read", "file.write", "socket.accept", "socket.connect", "socket.read", "socket.write", "pipe.read", "pipe.write",
  "other.read", "other.write", "process.create",
];

@meter({
  name: "saturation",
  events: [
    "open", "openat", "openat2", "creat", "read", "pread", "readv", "preadv", "preadv2", "write", "pwrite", "writev", "pwritev", "pwritev2",
    "accept", "accept4", "connect", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "sendfile", "socket",
    "clone", "clone3", "fork", "vfork",
  ],
})
export function saw(e: Event): void {
  if (e.evt_type == EventId.clone || e.evt_type == EventId.clone3 || e.evt_type == EventId.fork || e.evt_type == EventId.vfork) {
    if (e.res == 0) return; // the child's half
  }
  const group = groupOf(e);
  if (!TIME.labelled(labelsKey(e, false, group))) TIME.label(programName(e)).label(GROUPS[group]);
  TIME.record(<f64>e.latency / 1e9);
  if (e.failed) return tellError(e, group);
  if (group == Group.FILE_READ || group == Group.FILE_WRITE) tellBytes(e, group);
  else if (group == Group.SOCKET_WRITE && isShort(e)) {
    if (!SHORT.labelled(labelsKey(e, false, 0))) SHORT.label(programName(e));
    SHORT.add(1);
  }
}

function groupOf(e: Event): Group {
  switch (e.evt_type) {
    case EventId.open:
    case EventId.openat:
    case EventId.openat2:
    case EventId.creat: return Group.OPEN;
    case EventId.accept:
    case EventId.accept4: return Group.ACCEPT;
    case EventId.connect:
    case EventId.socket: return Group.CONNECT;
    case EventId.recvfrom:
    case EventId.recvmsg:
    case EventId.recvmmsg: return Group.SOCKET_READ;
    case EventId.sendto:
    case EventId.sendmsg:
    case EventId.sendmmsg: return Group.SOCKET_WRITE;
    case EventId.read:
    case EventId.pread:
    case EventId.readv:
    case EventId.preadv:
    case EventId.preadv2: return kindOf(e.fd, Group.FILE_READ);
    case EventId.clone:
    case EventId.clone3:
    case EventId.fork:
    case EventId.vfork: return Group.MAKE;
    default: return kindOf(e.fd, Group.FILE_WRITE);
  }
}

/** The group of a read or a write, by what it is from or to. */
function kindOf(fd: Descriptor, ofFile: Group): Group {
  if (fd.isFile) return ofFile;
  if (fd.isSocket) return ofFile == Group.FILE_READ ? Group.SOCKET_READ : Group.SOCKET_WRITE;
  if (fd.isPipe) return ofFile == Group.FILE_READ ? Group.PIPE_READ : Group.PIPE_WRITE;
  return ofFile == Group.FILE_READ ? Group.OTHER_READ : Group.OTHER_WRITE;
}

/** sendmmsg says messages, and sendfile ends where its file does. */
function isShort(e: Event): bool {
  if (e.evt_type == EventId.sendmmsg || e.evt_type == EventId.sendfile) return false;
  if (e.evt_type == EventId.sendto || e.evt_type == EventId.sendmsg) return <u64>e.res < changetype<AnySend>(e).size;
  return <u64>e.res < changetype<AnyWrite>(e).size;
}

function tellError(e: Event, group: Group): void {
  const error = <u64>-e.res;
  if (!ERRORS.labelled(labelsKey(e, false, error << 8 | group))) ERRORS.label(programName(e)).label(GROUPS[group]).label(nameOf(error));
  ERRORS.add(1);
}

function tellBytes(e: Event, group: Group): void {
  const fd = e.fd, mount = mountOf(fd);
  const isRead = group == Group.FILE_READ;
  // A device's number has 44 bits that the kernel uses.
  const told = fd.dev << 12 | <u64>(mount + 1) << 1 | (isRead ? 1 : 0);
  if (!IO.labelled(labelsKey(e, false, told))) {
    IO.label(programName(e)).label(isRead ? "read" : "write");
    IO.label(deviceText(fd.dev)).label(mount < 0 ? "" : MOUNTS[mount]);
  }
  IO.add(<f64>e.res);
}

/** The longest of the operator's folders that the file is in; -1: none. */
function mountOf(fd: Descriptor): i32 {
  let best = -1;
  for (let i = 0; i < MOUNTS.length; i++) {
    const mount = MOUNTS[i];
    if (best >= 0 && mount.length <= MOUNTS[best].length) continue;
    if (!fd.name.startsWith(mount)) continue;
    const isWhole = mount.endsWith("/") || <i32>fd.name.size == mount.length || fd.name.at(<u32>mount.length) == 0x2f;
    if (isWhole) best = i;
  }
  return best;
}

/** As in /proc/self/mountinfo, major:minor (makedev(3)). */
function deviceText(dev: u64): string {
  if (dev == NOTHING) return "";
  const major = dev >> 8 & 0xfff | dev >> 32 & 0xfffff000;
  const minor = dev & 0xff | dev >> 12 & 0xffffff00;
  return `${major}:${minor}`;
}

/** An integer without a value. */
const NOTHING: u64 = 0x8000000000000000;

/** Errors that say what has run out, or who has not answered. */
function nameOf(error: u64): string {
  switch (<u32>error) {
    case <u32>Errno.EAGAIN: return "EAGAIN";
    case <u32>Errno.EMFILE: return "EMFILE";
    case <u32>Errno.ENFILE: return "ENFILE";
    case <u32>Errno.ENOMEM: return "ENOMEM";
    case <u32>Errno.ENOBUFS: return "ENOBUFS";
    case <u32>Errno.ENOSPC: return "ENOSPC";
    case <u32>Errno.EDQUOT: return "EDQUOT";
    case <u32>Errno.EIO: return "EIO";
    case <u32>Errno.EROFS: return "EROFS";
    case <u32>Errno.EINTR: return "EINTR";
    case <u32>Errno.EPIPE: return "EPIPE";
    case <u32>Errno.ETIMEDOUT: return "ETIMEDOUT";
    case <u32>Errno.ECONNREFUSED: return "ECONNREFUSED";
    case <u32>Errno.ECONNRESET: return "ECONNRESET";
    case <u32>Errno.ECONNABORTED: return "ECONNABORTED";
    case <u32>Errno.EHOSTUNREACH: return "EHOSTUNREACH";
    case <u32>Errno.ENETUNREACH: return "ENETUNREACH";
    case <u32>Errno.EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case <u32>Errno.EADDRINUSE: return "EADDRINUSE";
    case <u32>Errno.EINPROGRESS: return "EINPROGRESS";
    case <u32>Errno.ENOENT: return "ENOENT";
    case <u32>Errno.EACCES: return "EACCES";
    case <u32>Errno.EPERM: return "EPERM";
    default: return "_OTHER";
  }
}

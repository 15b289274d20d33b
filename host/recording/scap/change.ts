// SPDX-License-Identifier: Apache-2.0
// How an event changes the tables of threads and descriptors. Changes that the event itself shows are made
// before it becomes a record (a new image, a new descriptor, a connection's ends). Endings are made after it
// (a closed descriptor, a process).
import { addressText } from "../../wire/address.js";
import { joinPath, normalise } from "../../wire/path.js";
import { SCAP_EVENTS } from "./event-table.js";
import { listOf } from "./lists.js";
import { CONVERT, THREAD_FLAG } from "./numbers.js";
import { type RawEvent, serverEnd, tupleOf } from "./params.js";
import { type Descriptor, internet, newDescriptor, newThread, type State, type Thread } from "./state.js";

const CWD = -100;
const DIRECTORY_FLAG = 0x10000;
const CLOSE_ON_EXEC_FLAG = 0x80000;
const IN_PROGRESS = -115;
const SHARE_FILES_FLAG = 0x400;

/** Whether a returned event of this kind changes the state. */
export function changesState(kind: number): boolean {
  return CHANGES[kind] !== undefined || ENDINGS.has(EVENT_NAMES[kind] ?? "");
}

/** Changes the state by what the event itself shows, before the event becomes a record. */
export function changeBefore(state: State, thread: Thread, raw: RawEvent): void {
  if (state.renamed !== null) state.renamed.isNameChanged = false;
  state.renamed = null;
  if (raw.isEntry) return;
  CHANGES[raw.kind]?.(state, thread, raw);
}

/** Changes the state by what ended with the event, after it became a record. */
export function changeAfter(state: State, thread: Thread, raw: RawEvent): void {
  if (raw.event.name === "procexit") {
    state.remove(thread);
    return;
  }
  if (!raw.isEntry && raw.event.name === "close" && succeeded(raw)) thread.descriptors.delete(raw.int("fd") ?? -1);
}

/** The descriptor that an event is about: its number, and what it stands for. */
export function descriptorOf(thread: Thread, raw: RawEvent): { fd: number; entry: Descriptor | null } {
  const { name } = raw.event;
  const fd = raw.int(NUMBERS.get(name) ?? "fd") ?? -1;
  if (fd >= 0 && fd < 2 ** 31) return { fd, entry: thread.descriptors.get(fd) ?? null };
  // An open that failed still tells what it was for.
  const isOpen = OPENS.has(name) && !raw.isEntry;
  return { fd: -1, entry: isOpen ? openedFile(thread, raw) : null };
}

// Where the descriptor's number is not `fd`.
const NUMBERS = new Map([
  ["dup", "res"],
  ["dup2", "res"],
  ["dup3", "res"],
  ["sendfile", "out_fd"],
  ["copy_file_range", "fdout"],
  ["splice", "fd_out"],
  ["eventfd", "res"],
  ["eventfd2", "res"],
  ["userfaultfd", "res"],
  ["io_uring_setup", "res"],
]);
const OPENS = new Set(["open", "openat", "openat2", "creat"]);

type Change = (state: State, thread: Thread, raw: RawEvent) => void;

const succeeded = (raw: RawEvent, name = "res"): boolean => (raw.int(name) ?? -1) >= 0;

function openedFile(thread: Thread, raw: RawEvent): Descriptor {
  const flags = CONVERT.open!(raw.uint("flags") ?? 0);
  const d = newDescriptor((flags & DIRECTORY_FLAG) === 0 ? "f" : "d");
  const path = raw.text("name");
  d.nameraw = path;
  const from = directory(thread, raw, "dirfd");
  d.name = path === null ? null : path === "" ? from : normalised(joinPath(from, path));
  d.dev = raw.bigUint("dev");
  d.ino = raw.bigUint("ino") ?? 0n;
  d.closesOnExec = (flags & CLOSE_ON_EXEC_FLAG) !== 0;
  return d;
}

// fd.name has no empty parts, `.` or `..`, also where the path was absolute.
function normalised(path: string): string {
  return path.startsWith("/") ? normalise(path) : path;
}

function directory(thread: Thread, raw: RawEvent, name: string): string | null {
  const fd = raw.int(name) ?? CWD;
  return fd === CWD ? thread.cwd : (thread.descriptors.get(fd)?.name ?? null);
}

const open: Change = (_, thread, raw) => {
  if (succeeded(raw, "fd")) thread.descriptors.set(Number(raw.int("fd")), openedFile(thread, raw));
};

const FAMILIES = new Map([
  [1, "u"],
  [2, "4"],
  [10, "6"],
  [16, "n"],
]);
const PROTOCOL_OF_TYPE = new Map([
  [1, 6],
  [2, 17],
  [3, 255],
]);

const socket: Change = (_, thread, raw) => {
  if (!succeeded(raw, "fd")) return;
  const d = newDescriptor(FAMILIES.get(Number(raw.int("domain") ?? 0)) ?? "o");
  d.protocol = PROTOCOL_OF_TYPE.get(Number(raw.int("type") ?? 0) & 0xf) ?? null;
  thread.descriptors.set(Number(raw.int("fd")), d);
};

// Takes the ends of a connection from the event's tuple.
function setEnds(state: State, d: Descriptor, raw: RawEvent): void {
  const ends = tupleOf(raw.bytes("tuple"));
  if (ends === null) return;
  const before = d.name;
  if (typeof ends === "string") {
    d.type = "u";
    d.name = ends;
  } else {
    d.type = ends.cip.length === 4 ? "4" : "6";
    internet(d, ends.cip, ends.cport, ends.sip, ends.sport);
  }
  if (d.name !== before) rename(state, d);
}

function rename(state: State, d: Descriptor): void {
  d.isNameChanged = true;
  state.renamed = d;
}

const connect: Change = (state, thread, raw) => {
  const d = thread.descriptors.get(raw.int("fd") ?? -1);
  if (!d) return;
  setEnds(state, d, raw);
  d.isServer = false;
  d.isConnected = succeeded(raw) || raw.int("res") === IN_PROGRESS;
};

const accept: Change = (state, thread, raw) => {
  if (!succeeded(raw, "fd")) return;
  const d = newDescriptor("4");
  d.protocol = 6;
  setEnds(state, d, raw);
  d.isServer = true;
  d.isConnected = true;
  thread.descriptors.set(Number(raw.int("fd")), d);
};

const bind: Change = (state, thread, raw) => {
  const d = thread.descriptors.get(raw.int("fd") ?? -1);
  if (!d || !succeeded(raw)) return;
  const end = serverEnd(raw.bytes("addr"));
  if (end === null) return;
  const before = d.name;
  if (typeof end === "string") d.name = end;
  else {
    d.type = end.sip.length === 4 ? "4" : "6";
    d.name = `${addressText(end.sip)}:${end.sport}`;
    // Who asks for a certain port waits for others.
    if (end.sport > 0) Object.assign(d, { ...end, isServer: true });
  }
  if (d.name !== before) rename(state, d);
};

const listen: Change = (_, thread, raw) => {
  const d = thread.descriptors.get(raw.int("fd") ?? -1);
  if (d && succeeded(raw)) Object.assign(d, { isServer: true, isListening: true });
};

// A datagram socket gets its other end with each message.
const message: Change = (state, thread, raw) => {
  const d = thread.descriptors.get(raw.int("fd") ?? -1);
  if (d && d.protocol !== 6 && !d.isConnected) setEnds(state, d, raw);
};

const duplicate: Change = (_, thread, raw) => {
  const old = thread.descriptors.get(raw.int("oldfd") ?? raw.int("fd") ?? -1);
  const fd = raw.int("res") ?? -1;
  if (old && fd >= 0) thread.descriptors.set(fd, { ...old, closesOnExec: false });
};

const DUPLICATING = new Set([0, 1030]); // F_DUPFD and F_DUPFD_CLOEXEC

const control: Change = (state, thread, raw) => {
  const command = CONVERT.fcntl!(raw.uint("cmd") ?? 0);
  if (!DUPLICATING.has(command)) return;
  const made = raw.int("res") ?? -1;
  duplicate(state, thread, raw);
  const d = thread.descriptors.get(made);
  if (d && made >= 0) d.closesOnExec = command === 1030;
};

const pipe: Change = (_, thread, raw) => {
  if (!succeeded(raw)) return;
  for (const name of ["fd1", "fd2"]) {
    const d = newDescriptor("p");
    d.ino = raw.bigUint("ino") ?? 0n;
    d.name = `pipe:[${d.ino}]`;
    thread.descriptors.set(Number(raw.int(name)), d);
  }
};

const special =
  (type: string, name: string | null = null): Change =>
  (_, thread, raw) => {
    const fd = raw.int("fd") ?? raw.int("res") ?? -1;
    if (fd < 0) return;
    const d = newDescriptor(type);
    d.name = raw.text("name") ?? name;
    thread.descriptors.set(Number(fd), d);
  };

const execute: Change = (_, thread, raw) => {
  if (!succeeded(raw)) return;
  const text = (name: string) => raw.text(name);
  thread.pid = raw.int("pid") ?? thread.pid;
  thread.ptid = raw.int("ptid") ?? thread.ptid;
  thread.exe = text("exe") ?? thread.exe;
  thread.name = text("comm") ?? nameOf(thread.exe);
  thread.args = listOf(raw.bytes("args") ?? Buffer.alloc(0));
  thread.cwd = withoutSlash(text("cwd") ?? thread.cwd ?? "") || null;
  const file = text("filename");
  thread.exepath = text("trusted_exepath") ?? (file === null ? thread.exe : joinPath(thread.cwd, file));
  if (raw.has("env")) thread.env = listOf(raw.bytes("env")!);
  if (raw.has("cgroups")) thread.cgroups = listOf(raw.bytes("cgroups")!);
  thread.tty = raw.uint("tty") ?? thread.tty ?? 0;
  thread.loginuid = raw.has("loginuid") ? Number(raw.uint("loginuid")) : thread.loginuid;
  thread.exeFlags = raw.has("flags") ? Number(raw.uint("flags")) : null;
  thread.capInheritable = raw.bigUint("cap_inheritable") ?? thread.capInheritable;
  thread.capPermitted = raw.bigUint("cap_permitted") ?? thread.capPermitted;
  thread.capEffective = raw.bigUint("cap_effective") ?? thread.capEffective;
  thread.exeIno = raw.bigUint("exe_ino");
  thread.exeCtime = raw.bigUint("exe_ino_ctime");
  thread.exeMtime = raw.bigUint("exe_ino_mtime");
  if (raw.has("vpgid")) thread.pgid = Number(raw.int("vpgid"));
  if (raw.has("uid")) thread.uid = Number(raw.uint("uid"));
  if (raw.has("gid")) thread.gid = Number(raw.uint("gid"));
  thread.descriptors = new Map([...thread.descriptors].filter(([, d]) => !d.closesOnExec));
  thread.version++;
};

// Falco cuts the name of what is executed where the kernel does.
const NAME_MAX = 15;

function nameOf(exe: string): string {
  return exe.slice(exe.lastIndexOf("/") + 1).slice(0, NAME_MAX);
}

// A parent's return makes the child known; the child's own return, where the parameters tell of the child,
// makes it exact.
const fork: Change = (state, thread, raw) => {
  const child = raw.int("res") ?? -1;
  if (child < 0) return;
  const flags = CONVERT.clone!(raw.uint("flags") ?? 0);
  const isThread = (flags & THREAD_FLAG) !== 0;
  if (child > 0) {
    if (!state.threads.has(child)) state.add(childOf(thread, child, raw, isThread, (flags & SHARE_FILES_FLAG) !== 0));
    return;
  }
  const parent = state.threads.get(raw.int(isThread ? "pid" : "ptid") ?? -1); // the parent of a thread is its process's
  const known = state.threads.get(raw.tid);
  const made =
    known?.startTime != null
      ? known
      : childOf(parent ?? thread, raw.tid, raw, isThread, (flags & SHARE_FILES_FLAG) !== 0);
  const text = (name: string) => raw.text(name);
  made.pid = raw.int("pid") ?? made.pid;
  if (!isThread) made.ptid = raw.int("ptid") ?? made.ptid;
  made.name = text("comm") ?? made.name;
  made.exe = text("exe") ?? made.exe;
  if (raw.has("args")) made.args = listOf(raw.bytes("args")!);
  made.vpid = raw.has("vpid") ? Number(raw.int("vpid")) : made.vpid;
  if (raw.has("pidns_init_start_ts")) made.pidnsStart = raw.bigUint("pidns_init_start_ts") || null;
  if (raw.has("uid")) made.uid = Number(raw.uint("uid"));
  if (raw.has("gid")) made.gid = Number(raw.uint("gid"));
  if (raw.has("cgroups")) made.cgroups = listOf(raw.bytes("cgroups")!);
  made.version++;
  state.add(made);
};

function childOf(parent: Thread, tid: number, raw: RawEvent, isThread: boolean, sharesFiles: boolean): Thread {
  return {
    ...newThread(tid),
    ...parent,
    tid,
    pid: isThread ? parent.pid : tid,
    ptid: isThread ? parent.ptid : parent.pid,
    startTime: raw.time,
    descriptors:
      isThread || sharesFiles ? parent.descriptors : new Map([...parent.descriptors].map(([fd, d]) => [fd, { ...d }])),
    version: 0,
  };
}

const changeDirectory: Change = (_, thread, raw) => {
  const path = raw.text("path");
  if (!succeeded(raw)) return;
  const fd = raw.has("path") ? null : (raw.int("fd") ?? -1);
  const to = fd === null ? joinPath(thread.cwd, path ?? "") : thread.descriptors.get(fd)?.name;
  // Relative to a folder that is not known, it is not known where that leads.
  if (to) thread.cwd = to.startsWith("/") ? normalise(to) : null;
  thread.version++;
};

const setUser: Change = (_, thread, raw) => {
  const uid = raw.uint("euid") ?? raw.uint("uid");
  if (!succeeded(raw) || uid === null || uid === 0xffffffff) return;
  thread.uid = Number(uid);
  thread.version++;
};

const setGroup: Change = (_, thread, raw) => {
  const gid = raw.uint("egid") ?? raw.uint("gid");
  if (!succeeded(raw) || gid === null || gid === 0xffffffff) return;
  thread.gid = Number(gid);
  thread.version++;
};

const setSession: Change = (_, thread, raw) => {
  const session = raw.int("res") ?? -1;
  if (session < 0) return;
  thread.sid = session;
  thread.pgid = session;
  thread.version++;
};

const setGroupOfProcesses: Change = (state, thread, raw) => {
  if (!succeeded(raw)) return;
  const [pid, pgid] = [raw.int("pid") ?? 0, raw.int("pgid") ?? 0];
  const changed = pid === 0 ? thread : state.threads.get(pid);
  if (changed === undefined) return;
  changed.pgid = pgid === 0 ? changed.pid : pgid;
  changed.version++;
};

const OPEN_FILES = 7; // RLIMIT_NOFILE

const setLimit: Change = (_, thread, raw) => {
  const limit = raw.int("cur") ?? raw.int("newcur");
  const isOwn = [0, thread.pid].includes(raw.int("pid") ?? 0);
  if (!succeeded(raw) || !isOwn || raw.uint("resource") !== OPEN_FILES || limit === null || limit <= 0) return;
  thread.fdLimit = limit;
  thread.version++;
};

const setCapabilities: Change = (_, thread, raw) => {
  if (!succeeded(raw)) return;
  thread.capInheritable = raw.bigUint("cap_inheritable");
  thread.capPermitted = raw.bigUint("cap_permitted");
  thread.capEffective = raw.bigUint("cap_effective");
  thread.version++;
};

const BEFORE = new Map<string, Change>(
  Object.entries({
    open,
    openat: open,
    openat2: open,
    creat: open,
    socket,
    connect,
    accept,
    accept4: accept,
    bind,
    listen,
    sendto: message,
    sendmsg: message,
    recvfrom: message,
    recvmsg: message,
    dup: duplicate,
    dup2: duplicate,
    dup3: duplicate,
    fcntl: control,
    pipe,
    pipe2: pipe,
    memfd_create: special("m"),
    eventfd: special("e", "anon_inode:[eventfd]"),
    eventfd2: special("e", "anon_inode:[eventfd]"),
    pidfd_open: special("o", "anon_inode:[pidfd]"),
    userfaultfd: special("o", "anon_inode:[userfaultfd]"),
    io_uring_setup: special("r", "anon_inode:[io_uring]"),
    execve: execute,
    execveat: execute,
    clone: fork,
    clone3: fork,
    fork,
    vfork: fork,
    // The event is told of the process as the call left it.
    chdir: changeDirectory,
    fchdir: changeDirectory,
    setuid: setUser,
    setresuid: setUser,
    setreuid: setUser,
    setgid: setGroup,
    setresgid: setGroup,
    setregid: setGroup,
    capset: setCapabilities,
    setrlimit: setLimit,
    prlimit: setLimit,
    setsid: setSession,
    setpgid: setGroupOfProcesses,
  }),
);

const CHANGES: (Change | undefined)[] = [];
const EVENT_NAMES: string[] = [];
for (const [code, { name }] of SCAP_EVENTS) {
  CHANGES[code >> 1] = BEFORE.get(name);
  EVENT_NAMES[code >> 1] = name;
}
const ENDINGS = new Set(["close", "procexit"]); // as changeAfter() has them

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

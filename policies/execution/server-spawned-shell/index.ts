// SPDX-License-Identifier: Apache-2.0
// Whoever accepts a connection from the network is a server for some time; at each shell we ask whether it
// descends from one. No list of server names: a vulnerable service may be called anything. Three things are
// no attack:
//
// 1. Its own connections. Over loopback a proxy brings a service its connections, so they count too; but a
//    process that is its own client, or whose client it started or was started by (a test, a health check),
//    serves nobody. Both ends are known by the client's port; either may be heard of first.
// 2. Its habits: what the same program ran with the same arguments when nobody had connected yet. A script is
//    no habit: it may be another by now, so 3 judges it.
// 3. Its scripts (CGI): a shell that reads a file which nobody has written since the container began. Which
//    file it is, is judged when the shell opens it, by its inode. What such a script looks around with is its
//    own matter; a shell that it gives a command, and what fetches more, is not: that is how a hole in a
//    script looks.
//
// A chain is told once: of what runs below a shell or a tool that was told of, no more is said here.
import {
  AnyExec, AnyOpen, Connect, Errno, Event, EventId, hours, isOpenWrite, keyOf, keys, Marks, Memo, minutes, param, Priority, Process,
  ProgramSet, rule, Sequence, Str, StringSet,
} from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const TOOLS = new StringSet(param.strings("tools"));
const FETCHERS = new StringSet(param.strings("fetchers"));
const ALLOWED = new ProgramSet(param.strings("allow"));
const TIME = minutes(<u64>param.int("minutes"));
const SERVERS = new Sequence(TIME, 0);
/** By process: connections over loopback that it accepted from others than its relatives. */
const FOREIGN = new Memo(TIME);
/**
 * By process and client's port: who connects, with all ancestors; which process accepted, told to all
 * ancestors.
 */
const DIALED = new Memo(minutes(1), 4096);
const TAKEN = new Memo(minutes(1), 4096);
const HABITS = new Memo(hours(24 * 30), 2048);
/**
 * Shells that are about to open their script, by its name; those that read one of the image; and those that
 * were told of.
 */
const PENDING = new Memo(minutes(1));
const SCRIPTS = new Memo(TIME);
const TOLD = new Memo(TIME);
/** Files that were written since the container began. */
const WRITTEN = new Marks();
const ITSELF: i64 = 1;
const A_RELATIVE: i64 = 2;
const ANCESTORS_MAX = 64;
const DASH: i32 = 0x2d;
const PLUS: i32 = 0x2b;

@rule({
  name: "Shell spawned by a server",
  desc: "A shell was started by a process that takes connections from the network, or by a descendant of it",
  priority: Priority.Warning,
  tags: ["T1190", "T1059.004", "T1505.003", "TA0002"],
  output: "A server started a shell | gparent=%proc.aname[2] process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["accept", "accept4", "connect", "execve", "execveat", "open", "openat", "openat2", "creat", "open_by_handle_at"],
})
export function shellOfServer(e: Event): bool {
  switch (e.evt_type) {
    case EventId.execve:
    case EventId.execveat:
      return !e.failed && isShell(e.proc) && judged(e);
    case EventId.connect:
      connected(changetype<Connect>(e));
      return false;
    case EventId.accept:
    case EventId.accept4:
      if (!e.failed) accepted(e);
      return false;
    default:
      return !e.failed && opened(changetype<AnyOpen>(e));
  }
}

@rule({
  name: "Tool run by a server",
  desc: "A program that looks around or fetches more was run by a process that takes connections from the network, without a shell",
  priority: Priority.Warning,
  tags: ["T1190", "T1082", "T1105", "TA0002"],
  output: "A server ran a program that looks around or fetches more | gparent=%proc.aname[2] process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function toolOfServer(e: AnyExec): bool {
  if (e.failed || isShell(e.proc) || !(TOOLS.has(e.proc.name) || FETCHERS.has(e.proc.name))) return false;
  const habit = habitOf(e.proc);
  if (!isServed(e)) {
    HABITS.set(e, habit, 1);
    return false;
  }
  if (HABITS.has(e, habit) || isOfTold(e) || (!FETCHERS.has(e.proc.name) && isOfScript(e))) return false;
  TOLD.set(e, e.proc.key, 1);
  return true;
}

/** Under any name, but for busybox: that is also everything else. */
function isShell(process: Process): bool {
  const file = process.exepath.basename;
  return SHELLS.has(process.name) || (SHELLS.has(file) && file != "busybox");
}

function judged(e: Event): bool {
  const habit = habitOf(e.proc);
  if (!isServed(e)) {
    if (!readsInput(e.proc)) HABITS.set(e, habit, 1);
    return false;
  }
  if (isOfTold(e)) return false;
  const isHabit = HABITS.has(e, habit);
  const script = scriptOf(e.proc), isBringing = bringsCode(e.proc);
  if (script.isEmpty || isBringing) {
    if (isHabit && !isBringing) return false;
    TOLD.set(e, e.proc.key, 1);
    return true;
  }
  PENDING.set(e, e.proc.key, <i64>keyOf(script.basename));
  return false;
}

function habitOf(process: Process): u64 {
  return keys(keyOf(process.parent.exepath), keyOf(process.cmdline));
}

function isServed(e: Event): bool {
  return SERVERS.follows(e) || servesLocally(e);
}

/** Whether the process, or one above it, was told of: it is of a chain that is known. */
function isOfTold(e: Event): bool {
  let process: Process = e.proc;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (TOLD.has(e, process.key)) return true;
    process = process.parent;
  }
  return false;
}

/** A shell whose commands come by its input may run anything each time. */
function readsInput(process: Process): bool {
  return isShell(process) && scriptOf(process).isEmpty && !process.args.has("-c");
}

/** The environment of a shell can hold commands too. */
function bringsCode(process: Process): bool {
  return process.env.contains("BASH_ENV=") || process.env.contains("BASH_FUNC_");
}

/** The file that a shell is told to read; empty where it is given commands, or its input. */
function scriptOf(process: Process): Str {
  const args = process.args, count = args.length;
  let i = process.name == "busybox" ? 1 : 0;
  if (i == 1 && !SHELLS.has(args.at(0))) return args.at(count);
  for (; i < count; i++) {
    const argument = args.at(i), sign = argument.at(0);
    if (sign != DASH && sign != PLUS) return argument.startsWith("/dev/") || argument.startsWith("/proc/") ? args.at(count) : argument;
    if (argument.startsWith("--") || argument.contains("c") || argument.contains("s")) return args.at(count);
    if (argument.endsWith("o")) i++; // its option's name follows
  }
  return args.at(count);
}

/** Whether a script of the image runs it. */
function isOfScript(e: Event): bool {
  let process: Process = e.proc;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (SCRIPTS.has(e, process.key)) return true;
    process = process.parent;
  }
  return false;
}

function opened(e: AnyOpen): bool {
  const file = keys(e.fd.dev, e.fd.ino);
  if (e.evt_type == EventId.creat || isOpenWrite(e.flags)) {
    WRITTEN.mark(e, file);
    return false;
  }
  if (!PENDING.has(e, e.proc.key) || PENDING.get(e, e.proc.key) != <i64>keyOf(e.fd.name.basename)) return false;
  PENDING.delete(e.proc.key);
  if (!e.fd.isFile || WRITTEN.isMarked(e, file)) {
    TOLD.set(e, e.proc.key, 1);
    return true;
  }
  SCRIPTS.set(e, e.proc.key, 1);
  return false;
}

function accepted(e: Event): void {
  if (!e.fd.isInetSocket || ALLOWED.has(e.proc)) return;
  if (!e.fd.cip.isLoopback) {
    SERVERS.begin(e);
    return;
  }
  const port = e.fd.cport, server = e.proc;
  if (isFromRelative(e, server, port)) return;
  FOREIGN.add(e, server.key, 1);
  let process: Process = server;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    TAKEN.set(e, keys(process.key, port), <i64>server.key);
    process = process.parent;
  }
}

/** Whether the server or a descendant connected, or one of the server's ancestors itself. */
function isFromRelative(e: Event, server: Process, port: u64): bool {
  if (DIALED.has(e, keys(server.key, port))) return true;
  let process = server.parent;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (DIALED.get(e, keys(process.key, port)) == ITSELF) return true;
    process = process.parent;
  }
  return false;
}

function connected(e: Connect): void {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return;
  if (!e.addr.ip.isLoopback) return;
  const port = e.fd.cport, client = e.proc;
  const server = serverOf(e, client, port);
  if (server != 0) {
    FOREIGN.add(e, <u64>server, -1);
    return;
  }
  let process: Process = client;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    DIALED.set(e, keys(process.key, port), i == 0 ? ITSELF : A_RELATIVE);
    process = process.parent;
  }
}

/**
 * The relative that has accepted this connection already: the client, a descendant of it, or an ancestor
 * itself; 0: none has.
 */
function serverOf(e: Event, client: Process, port: u64): i64 {
  const below = TAKEN.get(e, keys(client.key, port));
  if (below != 0) return below;
  let process = client.parent;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (TAKEN.get(e, keys(process.key, port)) == <i64>process.key) return <i64>process.key;
    process = process.parent;
  }
  return 0;
}

function servesLocally(e: Event): bool {
  let process: Process = e.proc;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (FOREIGN.get(e, process.key) > 0) return true;
    process = process.parent;
  }
  return false;
}

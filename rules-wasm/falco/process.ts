// SPDX-License-Identifier: Apache-2.0
// Fields of a process that Falco makes of others: proc.cmdline, proc.args, proc.cwd, names of owners.
import { CLONE_SEEN_AT } from "../generated/contract";
import { Process } from "../process";
import { Str } from "../str";
import { joinInto, StrList } from "../str-list";
import { writeNumber } from "../text";
import { spanSize } from "../wire/frame";
import { Room, Word } from "./room";

const NOBODY: i64 = 0xffffffff;
const BLANK: u8 = 0x20;
const SLASH: u8 = 0x2f;
const MINUS: u8 = 0x2d;
/** Digits of a number of 64 bits, and a sign. */
const NUMBER_SIZE: u32 = 24;

// @ts-ignore: decorator
@lazy const line: Room = new Room();
// @ts-ignore: decorator
@lazy const exeLine: Room = new Room();
// @ts-ignore: decorator
@lazy const args: Room = new Room();
// @ts-ignore: decorator
@lazy const env: Room = new Room();
// @ts-ignore: decorator
@lazy const folder: Room = new Room();
// @ts-ignore: decorator
@lazy const owner: Room = new Room();
// @ts-ignore: decorator
@lazy const none: Word = new Word("<NONE>");
// @ts-ignore: decorator
@lazy const root: Word = new Word("root");

/** proc.cmdline: the name and the arguments, with blanks between. */
export function cmdline(process: Process): Str {
  return lineOf(line, process.name, process.args);
}

/** proc.exeline: argv[0] and the arguments, with blanks between. */
export function exeline(process: Process): Str {
  return lineOf(exeLine, process.exe, process.args);
}

/** proc.args: the arguments, with blanks between. */
export function joinedArgs(process: Process): Str {
  return joined(args, process.args);
}

/** proc.env: the environment, with blanks between. */
export function joinedEnv(process: Process): Str {
  return joined(env, process.env);
}

/** proc.cwd: the working directory, with a slash at its end. */
export function cwdWithSlash(process: Process): Str {
  const path = process.cwd, size = path.size;
  if (!path.exists || (size > 0 && load<u8>(path.address + size - 1) == SLASH)) return path;
  const to = folder.take(size + 1);
  memory.copy(to, path.address, size);
  store<u8>(to + size, SLASH);
  return folder.text(to + size + 1);
}

/** proc.duration: ns from the process's clone to `time`; absent where the clone was not seen. */
export function durationOf(process: Process, time: u64): i64 {
  const start = <i64>process.start_time;
  return process.clone_seen && start != i64.MIN_VALUE ? <i64>time - start : i64.MIN_VALUE;
}

/** user.loginuid: -1 for nobody. */
export function loginUid(process: Process): i64 {
  return process.loginuid == NOBODY ? -1 : process.loginuid;
}

/**
 * The name of `id` as Falco prints it: the process's own where it is the process's own id, else root or the
 * number.
 */
export function ownerName(id: i64, own: i64, name: Str): Str {
  if (id == i64.MIN_VALUE) return owner.none();
  if (id == -1 || id == NOBODY) return none.text;
  if (id == own && name.exists) return name;
  if (id != own && id == 0) return root.text;
  let to = owner.take(NUMBER_SIZE);
  if (id < 0) store<u8>(to++, MINUS);
  return owner.text(writeNumber(<u64>abs(id), 10, to));
}

/** Whether it is what the agent started: nobody's clone made it, and it came in by no session. */
export function isFirstProcess(process: Process): bool {
  return (process.session | load<i64>(changetype<usize>(process) + CLONE_SEEN_AT)) == 0;
}

function lineOf(room: Room, head: Str, list: StrList): Str {
  if (!head.exists) return room.none();
  const size = head.size, more = spanSize(changetype<usize>(list));
  const to = room.take(size + 1 + more);
  memory.copy(to, head.address, size);
  if (more == 0) return room.text(to + size);
  store<u8>(to + size, BLANK);
  return room.text(to + size + 1 + joinInto(to + size + 1, changetype<usize>(list)));
}

function joined(room: Room, list: StrList): Str {
  if (!list.exists) return room.none();
  const to = room.take(spanSize(changetype<usize>(list)));
  return room.text(to + joinInto(to, changetype<usize>(list)));
}

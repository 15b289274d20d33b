// SPDX-License-Identifier: Apache-2.0
// Paths that a call was given, as Falco prints them: a relative one is joined with the directory that it is
// meant from, without `.`, `..` and empty parts. It is no look at the file system.
import { Event } from "../event";
import { Str } from "../str";
import { Room } from "./room";

const CWD: i64 = -100;
const SLASH: u8 = 0x2f;
const DOT: u8 = 0x2e;
const TWO_DOTS: u16 = 0x2e2e;

// @ts-ignore: decorator
@lazy const room: Room = new Room();

/** A path that is meant from the working directory. */
export function pathFrom(e: Event, path: Str): Str {
  return isRelative(path) && e.proc.cwd.exists ? joined(e.proc.cwd, path) : path;
}

/** A path that is meant from the directory of the descriptor `dirfd`. */
export function pathFromDirectory(e: Event, dirfd: i64, path: Str): Str {
  if (!isRelative(path)) return path;
  if (dirfd == CWD || dirfd == i64.MIN_VALUE) return pathFrom(e, path);
  const fd = e.fd;
  if (!fd.name.exists) return path;
  if (fd.nameraw.exists && fd.nameraw == path) return fd.name;
  return <i64>e.fd_num == dirfd ? joined(fd.name, path) : path;
}

function isRelative(path: Str): bool {
  return path.size > 0 && load<u8>(path.address) != SLASH;
}

function joined(base: Str, path: Str): Str {
  const begin = room.take(base.size + path.size + 2);
  const end = putParts(begin, putParts(begin, begin, base), path);
  if (end != begin) return room.text(end);
  store<u8>(begin, SLASH);
  return room.text(begin + 1);
}

/** Puts the parts of `path` behind `to`; gives where they end. `begin` is where the first part began. */
function putParts(begin: usize, to: usize, path: Str): usize {
  const end = path.address + path.size;
  for (let at = path.address; at < end; ) {
    let stop = at;
    while (stop < end && load<u8>(stop) != SLASH) stop++;
    const size = stop - at;
    if (size == 2 && load<u16>(at) == TWO_DOTS) {
      while (to > begin && load<u8>(--to) != SLASH) {}
    } else if (size != 0 && !(size == 1 && load<u8>(at) == DOT)) {
      store<u8>(to++, SLASH);
      memory.copy(to, at, size);
      to += size;
    }
    at = stop + 1;
  }
  return to;
}

// SPDX-License-Identifier: Apache-2.0
// The environment is what the new program got. At --snaplen 0 it is not recorded, and the first rule is
// blind. A library that is preloaded on purpose is known by its file's name in a folder of the system: the
// rest of the environment says nothing for it.
import { AnyExec, AnyOpen, isOpenWrite, param, PathSet, Priority, ProgramSet, rule, Str, StrList } from "vedette";

const ALLOWED = param.strings("allow");
const FOLDERS = new PathSet(param.strings("folders"));
const FILES = new PathSet(param.strings("files"));
const WRITERS = new ProgramSet(param.strings("writers"));
const PRELOAD = "LD_PRELOAD=";
const SEARCH = "LD_LIBRARY_PATH=";
const BLANK: i32 = 0x20;
const COLON: i32 = 0x3a;

@rule({
  name: "Library preloaded",
  desc: "A program was executed with a library that is loaded before its own",
  priority: Priority.Warning,
  tags: ["T1574.006", "TA0004"],
  output: "A library is forced into a program | env=%proc.env process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function libraryPreloaded(e: AnyExec): bool {
  const env = e.proc.env;
  if (e.failed || !(env.contains(PRELOAD) || env.contains("LD_AUDIT="))) return false;
  const isSearchKnown = isSearchOfSystem(env);
  for (let i = 0, k = env.length; i < k; i++) {
    const entry = env.at(i);
    if (entry.startsWith("LD_AUDIT=") && entry.size > 9) return true;
    if (entry.startsWith(PRELOAD) && !areKnown(entry.slice(PRELOAD.length), isSearchKnown)) return true;
  }
  return false;
}

@rule({
  name: "Loader file written",
  desc: "A file was opened for writing that tells the dynamic loader what to load",
  priority: Priority.Critical,
  tags: ["T1574.006", "TA0003"],
  output: "A file of the dynamic loader is written | file=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function loaderFileWritten(e: AnyOpen): bool {
  if (!isOpenWrite(e.flags) || !(FILES.has(e.fd.realpath) || FILES.has(e.fd.name))) return false;
  return !WRITERS.has(e.proc);
}

/** Whether all libraries of the list, parted by blanks and colons, are preloaded on purpose. */
function areKnown(list: Str, isSearchKnown: bool): bool {
  let begin: u32 = 0;
  for (let i: u32 = 0; i <= list.size; i++) {
    if (!endsPart(list.at(i))) continue;
    if (i > begin && !isKnown(list.slice(begin, i), isSearchKnown)) return false;
    begin = i + 1;
  }
  return true;
}

/** A name without a slash is searched for, first where LD_LIBRARY_PATH says. */
function isKnown(library: Str, isSearchKnown: bool): bool {
  const isPath = library.contains("/");
  if (isPath ? !isOfSystem(library) : !isSearchKnown) return false;
  const name = library.basename;
  for (let i = 0; i < ALLOWED.length; i++) if (name.startsWith(ALLOWED[i])) return true;
  return false;
}

function isSearchOfSystem(env: StrList): bool {
  for (let i = 0, k = env.length; i < k; i++) {
    const entry = env.at(i);
    if (!entry.startsWith(SEARCH)) continue;
    const list = entry.slice(SEARCH.length);
    if (list.isEmpty) continue; // the loader takes it for none
    let begin: u32 = 0;
    for (let at: u32 = 0; at <= list.size; at++) {
      if (!endsPart(list.at(at))) continue;
      if (!isOfSystem(list.slice(begin, at))) return false; // an empty part is the working directory
      begin = at + 1;
    }
  }
  return true;
}

function isOfSystem(path: Str): bool {
  return FOLDERS.has(path) && !path.contains("..");
}

function endsPart(byte: i32): bool {
  return byte == BLANK || byte == COLON || byte < 0;
}

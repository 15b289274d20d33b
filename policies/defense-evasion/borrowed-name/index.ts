// SPDX-License-Identifier: Apache-2.0
// A program may call itself what it likes, and many do: after its work ("nginx: worker"), its script, its
// thread pool. What it has no reason for is another program's name. Only the first thread counts: its name is
// the process's, and threads are named as freely as variables. The name that the kernel gives at an exec is
// none that a process chose.
import { AnyWrite, Event, EventId, Glob, param, Prctl, PrctlOption, Priority, ProgramSet, rule, Str, StrList, StringSet } from "vedette";

const NAME_MAX: u32 = 15;
const NAMES = new StringSet(cut(param.strings("names")));
const PREFIXES = param.strings("prefixes");
const ALLOWED = new ProgramSet(param.strings("allow"));
const COMM = new Glob("/proc/*/comm");
const NEWLINE: i32 = 0x0a;

@rule({
  name: "Process took another program's name",
  desc: "A process gave itself the name of another well-known program, of a thread of the kernel, or a path",
  priority: Priority.Warning,
  tags: ["T1036.004", "T1036.005", "TA0005"],
  output: "A process takes another program's name | before=%proc.name name=%evt.arg.arg2_str written=%evt.arg.data exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["prctl", "write", "pwrite", "writev", "pwritev", "pwritev2"],
})
export function tookName(e: Event): bool {
  if (e.failed) return false;
  if (e.evt_type != EventId.prctl) return COMM.matches(e.fd.name) && isAnothers(lineOf(changetype<AnyWrite>(e).data), e);
  if (changetype<Prctl>(e).option != PrctlOption.PR_SET_NAME || e.tid != e.proc.pid) return false;
  return isAnothers(changetype<Prctl>(e).arg2_str, e);
}

function isAnothers(whole: Str, e: Event): bool {
  const name = whole.slice(0, NAME_MAX);
  if (!NAMES.has(name) && !beginsLikeAnother(name)) return false;
  return !isOwn(name, e.proc.exepath.basename) && !ALLOWED.has(e.proc);
}

function beginsLikeAnother(name: Str): bool {
  for (let i = 0; i < PREFIXES.length; i++) if (name.startsWith(PREFIXES[i])) return true;
  return false;
}

/** python for python3.13: a program's name without its version is its own, and a name that was cut is too. */
function isOwn(name: Str, file: Str): bool {
  return name.size > 0 && name.same(file.slice(0, name.size)) && !isLetter(file.at(name.size));
}

function isLetter(byte: i32): bool {
  return byte >= 0x61 && byte <= 0x7a;
}

/** What stands before the first end of a line. */
function lineOf(text: Str): Str {
  for (let i: u32 = 0; i < text.size; i++) if (text.at(i) == NEWLINE) return text.slice(0, i);
  return text;
}

function cut(names: string[]): string[] {
  const short = new Array<string>();
  for (let i = 0; i < names.length; i++) short.push(names[i].slice(0, NAME_MAX));
  return short;
}

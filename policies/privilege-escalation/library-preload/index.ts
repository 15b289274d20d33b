// SPDX-License-Identifier: Apache-2.0
// The environment is what the new program got. At --snaplen 0 it is not recorded, and the first rule is blind.
import { AnyExec, AnyOpen, isOpenWrite, param, PathSet, Priority, rule, StringSet } from "vedette";

const ALLOWED = param.strings("allow");
const FILES = new PathSet(param.strings("files"));
const WRITERS = new StringSet(param.strings("writers"));

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
  if (e.failed || !(env.contains("LD_PRELOAD=/") || env.contains("LD_AUDIT=") || env.contains("LD_PRELOAD=lib"))) return false;
  for (let i = 0; i < ALLOWED.length; i++) if (env.contains(ALLOWED[i])) return false;
  return true;
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
  return !WRITERS.has(e.proc.name);
}

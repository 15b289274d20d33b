// SPDX-License-Identifier: Apache-2.0
// Effective user 0 with another real user is what a setuid-root program looks like at its exec.
import { AnyChmod, AnyExec, hasAny, ModeFlag, param, Priority, ProgramSet, rule } from "vedette";

const ALLOWED = new ProgramSet(param.strings("allow"));
const WRITERS = new ProgramSet(param.strings("writers"));

@rule({
  name: "Root by an unknown setuid program",
  desc: "A user's process became root by a setuid program that is not one of the known ones",
  priority: Priority.Critical,
  tags: ["T1548.001", "TA0004"],
  output: "A user became root by a setuid program | file=%proc.exepath ruid=%user.ruid process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function rootBySetuid(e: AnyExec): bool {
  return !e.failed && e.proc.uid == 0 && e.proc.ruid > 0 && !ALLOWED.has(e.proc);
}

@rule({
  name: "Setuid bit set",
  desc: "A file was given the setuid or setgid bit",
  priority: Priority.Warning,
  tags: ["T1548.001", "TA0004"],
  output: "A file was given the setuid bit | mode=%evt.arg.mode result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function setuidBitSet(e: AnyChmod): bool {
  return !e.failed && hasAny(e.mode, ModeFlag.S_ISUID) && !WRITERS.has(e.proc);
}

@rule({
  name: "Loader attacked by GLIBC_TUNABLES",
  desc: "A program was executed with tunables of the form that exploits CVE-2023-4911",
  priority: Priority.Critical,
  tags: ["T1068", "TA0004"],
  output: "GLIBC_TUNABLES has the form of an attack | process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function tunablesAttack(e: AnyExec): bool {
  const env = e.proc.env;
  return env.contains("GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=") || env.contains("GLIBC_TUNABLES=glibc.mem.tagging=glibc.");
}

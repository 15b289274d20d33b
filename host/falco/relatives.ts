// SPDX-License-Identifier: Apache-2.0
// Falco's fields of a process's parent and ancestors: each asks what another field asks of the process itself
// (falco.org/docs/reference/rules/supported-fields).

/** By the field of the parent. */
export const OF_PARENT: Readonly<Record<string, string>> = {
  "proc.pname": "proc.name",
  "proc.pexe": "proc.exe",
  "proc.pexepath": "proc.exepath",
  "proc.pcmdline": "proc.cmdline",
  "proc.pvpid": "proc.vpid",
  "proc.ppid.ts": "proc.pid.ts",
  "proc.ppid.duration": "proc.duration",
};

/** By the field of an ancestor, which `[N]` says, or of all of them. */
export const OF_ANCESTOR: Readonly<Record<string, string>> = {
  "proc.aname": "proc.name",
  "proc.aexe": "proc.exe",
  "proc.aexepath": "proc.exepath",
  "proc.acmdline": "proc.cmdline",
  "proc.aargs": "proc.args",
  "proc.apid": "proc.pid",
  "proc.aenv": "proc.env",
};

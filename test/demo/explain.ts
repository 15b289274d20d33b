// SPDX-License-Identifier: Apache-2.0
//
// An alert of the demo in plain words: what happened, and how Vedette knew.
export interface Alert {
  rule: string;
  priority: string;
  output: string;
  output_fields: Record<string, unknown>;
}

interface Explanation {
  what: string;
  how: string;
  fields: string[];
}

const EXPLANATIONS: Record<string, Explanation> = {
  "Shell on a socket": {
    what: "A program started a shell that takes its commands from the network.",
    how: "At the exec, descriptor 0 of the shell was a TCP connection. Vedette had followed it through socket, connect and dup2.",
    fields: ["proc.cmdline", "fd.name", "proc.pname"],
  },
  "Sensitive file read": {
    what: "A program that has no business with it read the file with the password hashes.",
    how: "The kernel named the path after the open. A link, `..` or /proc/self/root would not have hidden it.",
    fields: ["fd.realpath", "proc.cmdline", "proc.pname"],
  },
  "Shell spawned by a server": {
    what: "A server's process started a shell, or that shell started another program.",
    how: "Vedette follows every fork and exec. So it knows that this program descends from the web server.",
    fields: ["proc.cmdline", "proc.pname"],
  },
  "Task credentials requested": {
    what: "A program asked the address that hands out the task's cloud credentials.",
    how: "The connect went to 169.254.170.2, and curl is not on the list of programs that may ask.",
    fields: ["fd.name", "proc.cmdline", "proc.pname"],
  },
};

export const MUST_SEE = Object.keys(EXPLANATIONS);

export function explain({ rule, priority, output, output_fields: fields }: Alert): string {
  const known = EXPLANATIONS[rule];
  if (known === undefined) return `\n   ${priority.toUpperCase()}  ${rule}\n     ${output}`;
  const values = known.fields
    .filter((name) => fields[name] !== null && fields[name] !== undefined)
    .map((name) => `     ${name} = ${fields[name]}`);
  return [`\n   ${priority.toUpperCase()}  ${rule}`, `     ${known.what}`, `     ${known.how}`, ...values].join("\n");
}

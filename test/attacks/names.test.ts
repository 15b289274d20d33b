// SPDX-License-Identifier: Apache-2.0
//
// P1, P2. A rule's exceptions are programs of the image, by their files: whoever takes such a program's name
// is told of all the same, however he takes it, and the program itself is excused. Each rule of the pack that
// has exceptions is tried with one made here, a copy of Python that was there before the agent, and with the
// name of every program of its own list. VEDETTE_NAMES=all tries all rules, else three.
import { copyFileSync, cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse, stringify } from "yaml";
import { PACK } from "../../host/paths.js";
import { run, scratch, selected, VEDETTE } from "../e2e/programs.js";

const PYTHON = realpathSync("/usr/bin/python3");
const DEEDS = join(import.meta.dirname, "../../test/attacks/deeds.py");

interface Row {
  name: string;
  policy: string;
  /** The parameter that lists the programs. */
  list: string;
  rule: string;
  deed: string;
  /**
   * A parameter that is set besides: files of the test's own, so that nothing of the machine's is written.
   */
  files?: string;
}

const ROWS: Row[] = [
  {
    name: "credentials",
    policy: "credential-access/task-credentials",
    list: "allow",
    rule: "Task credentials requested",
    deed: "credentials",
  },
  {
    name: "metadata",
    policy: "credential-access/instance-metadata",
    list: "allow",
    rule: "Instance metadata requested",
    deed: "metadata",
  },
  {
    name: "sensitive",
    policy: "credential-access/sensitive-file-read",
    list: "allow",
    rule: "Sensitive file read",
    deed: "sensitive",
  },
  {
    name: "startup",
    policy: "persistence/startup-file-written",
    list: "allow",
    rule: "Start-up file written",
    deed: "startup",
    files: "files",
  },
  {
    name: "loader",
    policy: "privilege-escalation/library-preload",
    list: "writers",
    rule: "Loader file written",
    deed: "loader",
    files: "files",
  },
  {
    name: "inject",
    policy: "privilege-escalation/process-injection",
    list: "allow",
    rule: "Process injection",
    deed: "inject",
  },
  {
    name: "escape",
    policy: "privilege-escalation/container-escape",
    list: "allow",
    rule: "Escape attempt",
    deed: "escape",
  },
  {
    name: "setuid",
    policy: "privilege-escalation/privilege-gain",
    list: "writers",
    rule: "Setuid bit set",
    deed: "setuid",
  },
  {
    name: "resolver",
    policy: "command-and-control/unusual-dns",
    list: "allow",
    rule: "DNS past the resolver",
    deed: "resolver",
  },
  { name: "scan", policy: "discovery/port-scan", list: "allow", rule: "Port scan", deed: "scan" },
  {
    name: "socket",
    policy: "command-and-control/shell-on-socket",
    list: "allow",
    rule: "Shell on a socket",
    deed: "socket",
  },
  {
    name: "server",
    policy: "execution/server-spawned-shell",
    list: "allow",
    rule: "Shell spawned by a server",
    deed: "server",
  },
  {
    name: "memory",
    policy: "execution/fileless-execution",
    list: "allow",
    rule: "Program executed from memory",
    deed: "memory",
  },
];

/** Those of every run. */
const QUICK = ["credentials", "inject", "socket"];

/** How a name is taken. "itself" and "by a link to it" are the program, and excused. */
const EXCUSED = ["itself", "link-to-it"];
const TOLD = ["copied", "linked", "exec-a", "script", "hard-linked", "mounted", "replaced"];

// The hard link changes the program's inode, and so do the mount and the replacement: from then on it is not
// the image's file.
const SCRIPT = `
export PYTHONHOME=/usr PYTHONDONTWRITEBYTECODE=1
knock() { while [ ! -e done ]; do [ -s "$PORTS" ] && { port=$(cat "$PORTS"); : > "$PORTS"; exec 3<>/dev/tcp/127.0.0.1/$port; exec 3>&-; }; sleep 0.02; done; }
[ "$DEED" = server ] && knock &
mkdir copy link hard to
"$TRUSTED" "$DEEDS" $DEED itself
ln -s "$TRUSTED" to/other; to/other "$DEEDS" $DEED link-to-it
"$OTHER" "$DEEDS" $DEED as names
cp "$TRUSTED" copy/trusted; copy/trusted "$DEEDS" $DEED copied
ln -s "$OTHER" link/trusted; link/trusted "$DEEDS" $DEED linked
(exec -a "$TRUSTED" "$OTHER" "$DEEDS" $DEED exec-a)
{ echo "#!$OTHER"; cat "$DEEDS"; } > link/script; mkdir script; mv link/script script/trusted; chmod +x script/trusted
script/trusted $DEED script
ln "$TRUSTED" hard/trusted; hard/trusted "$DEEDS" $DEED hard-linked
unshare -m sh -c 'mount --bind "$OTHER" "$TRUSTED" && exec "$TRUSTED" "$DEEDS" $DEED mounted'
cp "$OTHER" new; mv new "$TRUSTED"; "$TRUSTED" "$DEEDS" $DEED replaced
touch done; wait
`;

interface Alert {
  rule: string;
  output: string;
  output_fields: Record<string, string>;
}

async function alertsOf(row: Row, folder: string, policy: string, TRUSTED: string, names: string[]): Promise<string[]> {
  const alerts = join(folder, "alerts.jsonl");
  const work = join(folder, "work");
  const PORTS = join(folder, "ports");
  writeFileSync(PORTS, "");
  await run([...VEDETTE, "run", "--policy", policy, "--alerts", alerts, "--", "bash", "-c", SCRIPT], {
    cwd: work,
    limitMs: 240_000,
    env: { DEED: row.deed, DEEDS, OTHER: PYTHON, FILES: folder, PORTS, TRUSTED },
  });
  const told = readFileSync(alerts, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Alert);
  return told.filter((alert) => alert.rule === row.rule).map((alert) => labelOf(alert, names));
}

/**
 * By the command line; of a child that took a name, by that name, which is its own or its parent's, or in its
 * arguments.
 */
function labelOf({ output_fields }: Alert, names: string[]): string {
  const { "proc.cmdline": line, "proc.name": name, "proc.pname": parent } = output_fields as Record<string, string>;
  const words = line!.split(" ");
  const label = [...TOLD, ...EXCUSED].find((known) => words.includes(known));
  return (
    label ?? names.find((known) => words.includes(known) || [name, parent].includes(known.slice(0, 15)))!.slice(0, 15)
  );
}

/** A copy of the policy with one more program in its list, and files of the test's own. */
function policyWith(row: Row, folder: string, program: string): { policy: string; programs: string[] } {
  const policy = join(folder, "policy");
  cpSync(join(PACK, row.policy), policy, { recursive: true });
  const file = join(policy, "policy.yaml");
  const yaml = parse(readFileSync(file, "utf8"));
  const programs = yaml.parameters[row.list].default as string[];
  programs.push(program);
  if (row.files !== undefined) yaml.parameters[row.files].default = [join(folder, "startup"), join(folder, "preload")];
  writeFileSync(file, stringify(yaml));
  return { policy, programs };
}

for (const row of selected(
  process.env.VEDETTE_NAMES === "all" ? ROWS : ROWS.filter(({ name }) => QUICK.includes(name)),
)) {
  test(`P1, P2: ${row.rule}: neither a name, nor a copy, a link or a disguise of a program that is excused silences it`, async () => {
    const folder = scratch();
    for (const name of ["image", "work"]) mkdirSync(join(folder, name));
    const TRUSTED = join(folder, "image/trusted");
    copyFileSync(PYTHON, TRUSTED);
    const { policy, programs } = policyWith(row, folder, TRUSTED);
    const names = programs.flatMap((path) => [path, basename(path)]);
    writeFileSync(join(folder, "work/names"), `${names.join("\n")}\n`);
    const told = await alertsOf(row, folder, policy, TRUSTED, names);
    assert.equal([...new Set(told)].sort(), [...new Set([...TOLD, ...names.map((name) => name.slice(0, 15))])].sort());
  });
}

test.run();

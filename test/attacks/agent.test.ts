// SPDX-License-Identifier: Apache-2.0
//
// Programs that reach for the agent's own process, and for the host's, by every call that could, in both
// tiers: as root with every capability, as root with Docker's, and as another user. Beside each, the same
// calls at a process of the program's own.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AGENT, environment, run, says, scratch, VEDETTE } from "../e2e/programs.js";
import { notices, ofType, trace } from "../e2e/traces.js";
import { answersOf, buildAttack, judged } from "./attack.js";

const test = suite("the agent's own process");

const REFUSED = "Operation not permitted";
/** Allowed: what ps and top read of every process, signals by which nobody ends, and the program's end. */
const HARMLESS = new Set(["stat", "status", "cmdline", "a signal that it passes on", "SIGIO", "end"]);
/** What only a program with CAP_SYS_PTRACE may still open, where the call is recorded inline: it is told. */
const FILES = /^(mem( |$)|environ$|maps$|auxv$|fd$|fdinfo$|root$|cwd$|pagemap$|map_files$)/;
/** Folders whose lists of numbers root may read; what is in them stays closed. */
const FOLDERS = /^(fd|map_files)$/;
/** Docker's capabilities, of which none is SYS_PTRACE; and no process of Vedette's beside it is root's. */
const DOCKER =
  "+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";
const WHO: Record<string, string[]> = {
  root: [],
  "root with Docker's capabilities": ["setpriv", `--bounding-set=-all,${DOCKER}`],
  "another user": ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"],
};

/** Of the workload's first process the agent is the parent, and the host is the agent's. */
const WHOM: Record<string, string> = { agent: "$PPID", host: '$(cut -d" " -f4 "/proc/$PPID/stat")' };

for (const tiers of ["all", "trace"]) {
  for (const [whom, who] of Object.keys(WHOM).flatMap((one) =>
    Object.keys(WHO).map((other) => [one, other] as const),
  )) {
    test(`G1, G2, G3, H53: ${who}, --tiers ${tiers}: nothing reaches the ${whom}, and each try is told`, async () => {
      const as = WHO[who]!;
      const { run, events } = await trace(
        `reach-${whom}-${who}-${tiers}`,
        ["sh", "-c", `exec "$@" ${WHOM[whom]}`, "sh", ...as, buildAttack("reach_agent")],
        { cwd: scratch(), flags: ["--tiers", tiers], deceives: true },
      );
      const answers = Object.entries(answersOf(run));
      assert.is(answers.at(-1)?.[0], "end", run.stdout);
      const mayOpen = who === "root" ? FILES : FOLDERS;
      const open = answers.filter(([way, answer]) => mayOpen.test(way) && answer === "ok").map(([way]) => way);
      const passed = answers.filter(([way, answer]) => answer === "ok" && !HARMLESS.has(way) && !open.includes(way));
      assert.equal(passed, [], "what reached the agent");
      // A mount is another's to refuse, and its own event.
      const tries = answers.filter(
        ([way, answer]) => !HARMLESS.has(way) && !(way.includes("mount") && answer !== "ok"),
      );
      const told = notices(events, "AGENT_ATTACKED");
      assert.is(told.length, tries.length, JSON.stringify([tries, told]));
      const calls = answers.filter(([way]) => !FILES.test(way) && !HARMLESS.has(way));
      assert.equal([...new Set(calls.map(([, answer]) => answer))], [REFUSED]);
      assert.ok(
        ofType(events, "kill").some((event) => event["evt.res"] === "EPERM" && event["evt.arg.sig"] === "SIGKILL"),
      );
    });
  }

  test(`G1, G2, G3: --tiers ${tiers}: the same calls at a child of one's own work, and nothing is told`, async () => {
    const bare = spawn(buildAttack("reach_agent"), ["own"], { cwd: scratch(), stdio: ["ignore", "pipe", "inherit"] });
    const expected = await says(bare, "end: ok");
    const { run, events } = await trace(`reach-own-${tiers}`, [buildAttack("reach_agent"), "own"], {
      cwd: scratch(),
      flags: ["--tiers", tiers],
    });
    // A traced child cannot be traced by its parent too, and tells so.
    const untraced = (text: string) =>
      text
        .split("\n")
        .filter((line) => !line.startsWith("ptrace"))
        .join("\n");
    assert.is(untraced(run.stdout), untraced(expected));
    assert.equal(notices(events, "AGENT_ATTACKED"), []);
  });
}

test("G1: the pack raises Agent attacked, once a try", async () => {
  const script = `kill -KILL $PPID; cat /proc/$PPID/environ >&2; kill -URG $PPID; cat /proc/$PPID/stat`;
  const { alerts, run } = await judged(["sh", "-c", script]);
  const told = alerts.filter(({ rule }) => rule === "Agent attacked");
  assert.equal(
    told.map(({ output_fields }) => output_fields["evt.arg.call"]),
    ["kill", "openat"],
  );
  assert.is(alerts.length, 2, JSON.stringify(alerts));
  assert.match(run.stdout, /vedette-capture/);
});

/**
 * A process that has, in a pid namespace of its own, the agent's number in ours. `$1` is that number; where
 * procfs shows it, `$2`.
 */
const NAMESAKE = `echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; sleep 60 &
  test $! = $1 && cat $2/$1/environ > /dev/null && echo read; kill -KILL $!`;
/** How a workload comes to see a procfs, and whose processes it shows. */
const SIGHTS: readonly [string, "theirs" | "ours", string][] = [
  ["their own /proc", "theirs", `unshare -pf --mount-proc sh -c '${NAMESAKE}' sh $PPID /proc`],
  [
    "their own procfs at another place",
    "theirs",
    `unshare -pfm sh -c 'mount -t proc proc /mnt; ${NAMESAKE}' sh $PPID /mnt`,
  ],
  ["our /proc, in a pid namespace of their own", "ours", "unshare -pf cat /proc/$PPID/environ > /dev/null; echo read"],
  [
    "another procfs with our numbers",
    "ours",
    `unshare -m sh -c 'mount -t proc proc /mnt; cat /mnt/$1/environ > /dev/null; echo read' sh $PPID`,
  ],
];
for (const tiers of ["all", "trace"])
  for (const [sight, whose, script] of SIGHTS)
    test(`G1: --tiers ${tiers}: who reads under the agent's number in ${sight} is told where that is the agent`, async () => {
      const { run, alerts } = await judged(["sh", "-c", script], { flags: ["--tiers", tiers] });
      assert.is(run.stdout, "read\n", run.stderr);
      const told = alerts.filter(({ rule }) => rule === "Agent attacked");
      assert.equal(
        told.map(({ output_fields }) => output_fields["evt.arg.call"]),
        whose === "ours" ? ["openat"] : [],
        run.stderr,
      );
    });

// There /proc has another number for each of us, and the agent opens a procfs of its own.
test("H53: the host's files are told by the number that a foreign /proc has for it", async () => {
  const script = `read -r _ _ _ agent rest < /proc/self/stat; read -r _ _ _ host rest < /proc/$agent/stat
    cat /proc/$host/environ > /dev/null; cat /proc/$host/stat`;
  const words = [...VEDETTE, "run", "--alerts", "stderr", "--", "sh", "-c", script];
  const ended = await run(["unshare", "-pf", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh", ...words]);
  assert.match(ended.stdout, /^\d+ \(.*\) /, ended.stderr);
  const told = ended.stderr.split("\n").filter((line) => line.startsWith("{"));
  assert.equal(
    told.map((line) => JSON.parse(line)).map(({ rule, output_fields }) => [rule, output_fields["evt.arg.call"]]),
    [["Agent attacked", "openat"]],
    ended.stderr,
  );
});

// As an image's entrypoint it is; /proc/1/fd/1 is the container's log.
test("H53: control: a host that is process 1 is guarded, and who writes to its log is not refused", async () => {
  const script = `echo to the log > /proc/1/fd/1; kill -KILL 1 || echo "kill $?"`;
  // Into a pipe: Node gives its children sockets, which nobody can open by a name.
  const alone = ["sh", "-c", '"$@" | cat', "sh", "unshare", "-pf", "--mount-proc", "--kill-child"];
  const ended = await run([...alone, ...VEDETTE, "run", "--alerts", "stderr", "--", "sh", "-c", script]);
  assert.is(ended.status, 0, ended.stderr);
  assert.is(ended.stdout, "to the log\nkill 1\n");
  const told = ended.stderr.split("\n").filter((line) => line.startsWith("{"));
  assert.equal(
    told.map((line) => JSON.parse(line).output_fields["evt.arg.call"]),
    ["kill"],
  );
});

test("G4: the secret stands neither in the agent's environment nor in the workload's", async () => {
  const secret = "a-secret-of-this-task";
  const args = ["--host", "discard", "--", "sh", "-c", "echo up; env; read line"];
  const agent = spawn(AGENT, args, {
    cwd: scratch(),
    env: environment({ VEDETTE_SECRET: secret, OTHER: "kept" }),
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const said = await says(agent, "OTHER=kept");
    const shown = readFileSync(`/proc/${agent.pid}/environ`, "latin1");
    assert.match(shown, /OTHER=kept/);
    assert.not.match(shown, new RegExp(secret));
    assert.not.match(said, /VEDETTE_SECRET/);
  } finally {
    agent.stdin!.end("\n");
    await once(agent, "exit");
  }
});

test.run();

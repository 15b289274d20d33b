// SPDX-License-Identifier: Apache-2.0
//
// A workload in a pid namespace of its own under the /proc of another (`unshare -pf` without --mount-proc):
// under every number that /proc tells of somebody else. The agent reads a /proc that it has opened for
// itself, and the workload keeps the one that it has.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasCommand, type Run, run, scratch, VEDETTE } from "./programs.js";
import { type Event, notices, ofType, readEvents } from "./traces.js";

const STALE = ["unshare", "-pf"];
// A user namespace's root, who does not own the mounts that he sees.
const USER = ["unshare", "-Urpf"];

async function traceIn(
  namespace: readonly string[],
  script: string,
  env: Record<string, string> = {},
): Promise<{ ended: Run; events: Event[] }> {
  const path = join(scratch(), "events.jsonl");
  const ended = await run([...namespace, ...VEDETTE, "trace", "--json", "-o", path, "--", "sh", "-c", script], { env });
  assert.is(ended.status, 0, ended.stderr);
  return { ended, events: readEvents(path) };
}

const opensOf = (events: readonly Event[], path: string): Event[] =>
  ofType(events, "openat").filter((event) => event["evt.arg.name"] === path);

function expectQuiet(events: readonly Event[]): void {
  const told = ["MISMATCH", "TAMPER", "UNCERTAIN", "TIER_DEGRADED", "AGENT_ATTACKED"].flatMap((kind) =>
    notices(events, kind),
  );
  assert.equal(told, []);
}

for (const [what, namespace, env] of [
  ["root", STALE, {}],
  ["root on Linux 5.10", STALE, { VEDETTE_ASSUME_KERNEL: "5.10" }],
  ["a user namespace's root", USER, {}],
] as const) {
  test(`two programs are told of under their own numbers, by ${what}`, async () => {
    const { ended, events } = await traceIn(namespace, 'echo $$; cat /etc/passwd | wc -l; sh -c "echo \\$\\$; :"', env);
    const [shell, lines, child] = ended.stdout.trim().split("\n");
    assert.is(Number(lines), readFileSync("/etc/passwd", "utf8").split("\n").length - 1);
    const [opened] = opensOf(events, "/etc/passwd");
    assert.is(opened?.["proc.name"], "cat", "an openat of /etc/passwd");
    const execs = ofType(events, "execve").filter((event) => event["evt.res"] === "SUCCESS");
    const numberOf = (name: string): unknown[] =>
      execs.filter((event) => event["proc.name"] === name).map((event) => event["proc.pid"]);
    assert.equal(numberOf("sh").map(String), [shell, child], "the shells' numbers");
    assert.is(numberOf("cat").length, 1);
    assert.is(opened!["proc.pid"], numberOf("cat")[0]);
    assert.match(String(opened!["proc.exepath"]), /\/cat$/);
    expectQuiet(events);
  });
}

test("N1: the pack's alert is raised, and none about the records", async () => {
  const folder = scratch();
  const alerts = join(folder, "alerts");
  const ended = await run([
    ...STALE,
    ...VEDETTE,
    "run",
    "--alerts",
    alerts,
    "--",
    "sh",
    "-c",
    "cat /etc/shadow | wc -l",
  ]);
  assert.is(ended.status, 0, ended.stderr);
  const rules = readFileSync(alerts, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => String((JSON.parse(line) as { rule: string }).rule));
  assert.ok(rules.length > 0, "an alert about /etc/shadow");
  assert.equal(
    rules.filter((rule) => /Records|Agent|Unrecorded/.test(rule)),
    [],
  );
});

test("the workload sees its own stale /proc, and no mount more", async () => {
  // Without those that tests beside this one make and take away.
  const script =
    'cut -d" " -f3- /proc/self/mountinfo | grep -v /vedette-test-; ls -l /proc/self/fd | wc -l; test "$(readlink /proc/self)" = $$ || echo another';
  const bare = await run([...STALE, "sh", "-c", script]);
  const { ended } = await traceIn(STALE, script);
  assert.match(bare.stdout, /another\n$/);
  assert.is(ended.stdout, bare.stdout);
});

test("names that go by /proc/self lead where they lead the workload", async () => {
  const script =
    "exec 9</etc/hostname; cat /proc/self/fd/9 /dev/fd/9 /proc/self/comm; cd /etc; cat /proc/self/cwd/passwd >/dev/null";
  const { ended, events } = await traceIn(STALE, script);
  const hostname = readFileSync("/etc/hostname", "utf8");
  assert.is(ended.stdout, `${hostname}${hostname}cat\n`);
  const leadsTo = (name: string, file: string): void => {
    const [opened] = opensOf(events, name);
    assert.is(opened?.["evt.arg.ino"], String(statSync(file).ino), name);
  };
  leadsTo("/proc/self/fd/9", "/etc/hostname");
  leadsTo("/dev/fd/9", "/etc/hostname");
  leadsTo("/proc/self/cwd/passwd", "/etc/passwd");
  expectQuiet(events);
});

test("who opens the agent's memory by the number that the stale /proc shows is told of", async () => {
  const script = `while read -r key value; do [ "$key" = PPid: ] && agent=$value; done < /proc/self/status
    [ -e /proc/$agent/stat ] && ( : 3< /proc/$agent/environ ) 2>/dev/null; ( : 3< /proc/1/environ ) 2>/dev/null; exit 0`;
  const { events } = await traceIn(STALE, script);
  assert.is(notices(events, "AGENT_ATTACKED").length, 1, JSON.stringify(notices(events, "AGENT_ATTACKED")));
});

test("N1: doctor says that the agent opens its own /proc, or why it may not", async () => {
  const words = async (...before: string[]): Promise<string> =>
    (await run([...STALE, ...before, ...VEDETTE, "doctor"])).stdout;
  assert.match(await words(), /shows another PID namespace's processes/);
  assert.match(await words("setpriv", "--bounding-set", "-sys_admin"), /Mount \/proc anew/);
});

if (!hasCommand("unshare") || !hasCommand("setpriv")) throw new Error("util-linux is missing");
test.run();

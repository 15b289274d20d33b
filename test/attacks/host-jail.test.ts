// SPDX-License-Identifier: Apache-2.0
//
// Native code in a tenant's process tries to reach beyond it (H12). The honest control is twofold: the same
// calls outside of the jail, where they work, and a true cell in the jail, whose policy judges.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Cell } from "../../host/engine/cell.js";
import { Feed } from "../../host/engine/feed.js";
import { jailCommand } from "../../host/engine/jail.js";
import type { Alert } from "../../host/output/alert.js";
import { batchOf, policyOf } from "../host/engine/shared.js";
import { until } from "../until.js";
import { buildAttack } from "./attack.js";

/**
 * Calls that the jail of 0.1 let pass, and which work for whoever is not in it, on every kernel that we know.
 */
const WORK = ["tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "prlimit64", "open of a process's memory", "shmget"];
/** What it may do, and what libraries must be able to fall back from. */
const OTHER: Readonly<Record<string, string>> = {
  "signals to itself": "works",
  "more memory": "works",
  clone3: "ENOSYS",
  "a call of a kernel to come": "ENOSYS",
  setxattrat: "ENOSYS", // younger than the newest that the jail knows
};

const folder = mkdtempSync(join(tmpdir(), "jail-"));
const file = join(folder, "file");
writeFileSync(file, "text");
const victim = spawn("sleep", ["60"]);
const program = buildAttack("leave_jail");
test.after(() => {
  victim.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

function answers(command: string, argv: readonly string[]): Record<string, string> {
  const ended = spawnSync(command, argv, { encoding: "utf8", timeout: 90_000 });
  assert.is(ended.status, 0, `${ended.signal}: ${ended.stdout}${ended.stderr}`);
  return Object.fromEntries(
    ended.stdout
      .trim()
      .split("\n")
      .map((line) => line.split(": ") as [string, string]),
  );
}

test("H12: every call by which a process reaches beyond itself is refused, those of the list and all others", () => {
  const words = [program, String(victim.pid), file];
  const free = answers(program, words.slice(1));
  for (const call of WORK) assert.is(free[call], "works", `the control: ${call}`);
  const held = answers(jailCommand().execPath, ["--memory-mib", "256", "--read", "/usr/lib/", ...words]);
  for (const [call, answer] of Object.entries(held)) {
    const wanted = OTHER[call] ?? (call.startsWith("open") && call !== "open to write" ? "EACCES" : "EPERM");
    assert.is(answer, wanted, call);
  }
  assert.is(Object.keys(held).length, Object.keys(free).length);
  assert.is(victim.exitCode, null);
});

test("H12: a program that needs a call which is refused ends with words, and does not hang", () => {
  const ended = spawnSync(jailCommand().execPath, ["sh", "-c", "exec true"], { encoding: "utf8", timeout: 90_000 });
  assert.is.not(ended.status, 0);
  assert.match(ended.stderr, /vedette-jail: sh: No such file/);
  const shell = spawnSync(jailCommand().execPath, ["/bin/sh", "-c", "exec /bin/true"], {
    encoding: "utf8",
    timeout: 90_000,
  });
  assert.match(shell.stderr, /Operation not permitted/);
  assert.is(shell.status, 126);
});

test("H12: a process in the jail ends with the one that holds it, and the one that holds it as it ended", async () => {
  const held = spawn(jailCommand().execPath, ["/bin/sleep", "60"]);
  const children = () =>
    spawnSync("ps", ["-o", "pid=", "--ppid", String(held.pid)], { encoding: "utf8" }).stdout.trim();
  const child = Number(await until("it has started", children));
  const killed = spawn(jailCommand().execPath, ["/bin/sh", "-c", "kill -TERM $$"]);
  const signal = await new Promise((resolve) => killed.once("exit", (_, name) => resolve(name)));
  assert.is(signal, "SIGTERM");
  held.kill("SIGKILL");
  await until("the child is gone", () => spawnSync("ps", ["-o", "stat=", "-p", String(child)]).stdout.length === 0);
});

test("H12: a true cell judges in the jail, within its memory", async () => {
  const feed = new Feed();
  const alerts: Alert[] = [];
  const scope = { containers: [], images: [], families: [], uids: [], executables: [] };
  const tenancy = { tenant: "team", scope, alerts: { burst: 10, perMinute: 10 } };
  const quiet = (): void => undefined;
  const onAlert = (alert: Alert): void => void alerts.push(alert);
  const cell = new Cell({ tenancy, ring: feed.ring, containers: new Map(), onAlert, onFault: quiet, onLog: quiet });
  await cell.add({ ...(await policyOf("one")), tenancy });
  await feed.put(batchOf([-1]));
  await until("its alert", () => alerts.length > 0);
  feed.close();
  await cell.finished;
  assert.is(alerts[0]!.tenant, "team");
});

test.run();

// SPDX-License-Identifier: Apache-2.0
// An author's whole way, on a running sensor: a new folder, one line changed, tested, copied in; the alert
// comes. Then a change, a mistake, and the folder taken away. The workload calls one program again and again,
// and says when.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../../host/paths.js";
import { until } from "../../until.js";

const MAIN = builtFile("js/host/main.js");
const scratch = mkdtempSync(join(tmpdir(), "vedette-hot-"));
const watched = join(scratch, "policies.d");
const alertsFile = join(scratch, "alerts");
const socket = join(scratch, "status");
const draft = join(scratch, "my-policy");
const live = join(watched, "web/my-policy");
/** On a machine that does nothing else; ten times that where others work too. */
const GOAL_MS = 2000;
/** Each is a process that tries a module. swap.test.ts makes 200 in the engine alone. */
const SWAPS = Number(process.env.VEDETTE_SWAPS ?? 50);
/** A look that starts a command. */
const COMMAND_MS = 250;

interface AlertLine {
  readonly rule: string;
  readonly priority: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}

const vedette = (...argv: string[]) =>
  spawnSync(process.execPath, [MAIN, ...argv], { encoding: "utf8", timeout: 60_000 });
const alerts = (): AlertLine[] =>
  existsSync(alertsFile)
    ? readFileSync(alertsFile, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AlertLine)
    : [];
const statusOf = (): { state: string; lastError: string | null } | undefined =>
  (
    JSON.parse(vedette("policy", "status", "--json", "--socket", socket).stdout) as {
      tenant: string;
      state: string;
      lastError: string | null;
    }[]
  ).find((one) => one.tenant === "web");

/** How long it took, ms. */
async function timed(what: string, look: () => boolean): Promise<number> {
  const begun = performance.now();
  await until(what, look);
  return performance.now() - begun;
}

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  assert.ok(text.includes(from), from);
  writeFileSync(file, text.replace(from, to));
}

let sensor: ChildProcess;

test("a policy that is copied in raises its first alert within two seconds", async () => {
  mkdirSync(join(watched, "web"), { recursive: true });
  mkdirSync(join(scratch, "bin"));
  copyFileSync("/bin/true", join(scratch, "bin/curl"));
  const loop = `while [ ! -e ${scratch}/stop ]; do ${scratch}/bin/curl; sleep 0.1; done`;
  const argv = ["run", "--policies-d", watched, "--control", socket, "--alerts", alertsFile, "--", "sh", "-c", loop];
  sensor = spawn(process.execPath, [MAIN, ...argv], { stdio: "ignore" });
  await until("the sensor runs", () => existsSync(socket));

  assert.is(vedette("policy", "new", draft).status, 0);
  edit(join(draft, "index.ts"), "Priority.Notice", "Priority.Critical");
  assert.is(vedette("policy", "test", draft).status, 0);
  cpSync(draft, live, { recursive: true });
  const ms = await timed("an alert", () =>
    alerts().some((alert) => alert.priority === "Critical" && alert.rule === "Download tool run"),
  );
  console.log(`# first alert ${Math.round(ms)} ms after the copy`);
  assert.ok(ms < 10 * GOAL_MS);
});

test("a change takes the old version's place", async () => {
  edit(join(live, "index.ts"), "Priority.Critical", "Priority.Emergency");
  await until("the new priority", () => alerts().at(-1)?.priority === "Emergency");
  const priorities = alerts().map((alert) => alert.priority);
  assert.is(
    priorities.lastIndexOf("Critical") + 1,
    priorities.indexOf("Emergency"),
    "no event was told by both, and none after the other",
  );
});

test("A12: a mistake leaves what runs, and is told", async () => {
  edit(join(live, "index.ts"), "TOOLS.has", "TOLLS.has");
  await until("the error", () => statusOf()?.lastError !== null, { everyMs: COMMAND_MS });
  assert.match(statusOf()?.lastError as string, /my-policy\/index\.ts:\d+:\d+: Cannot find name 'TOLLS'/);
  assert.is(statusOf()?.state, "outdated");
  assert.is(vedette("policy", "status", "--socket", socket).status, 1);
  const before = alerts().length;
  await until("more alerts", () => alerts().length > before + 2);
});

test("a folder that is taken away falls silent, and the workload never noticed", async () => {
  rmSync(live, { recursive: true });
  await until("it is gone", () => statusOf() === undefined, { everyMs: COMMAND_MS });
  const before = alerts().length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.is(alerts().length, before);
  writeFileSync(join(scratch, "stop"), "");
  const status = await new Promise((resolve) => sensor.once("exit", resolve));
  assert.is(status, 0);
});

test("of many swaps under load no event is missed and none judged twice", async () => {
  rmSync(join(scratch, "stop"), { force: true });
  rmSync(alertsFile);
  const versions = ["even", "odd"].map((name) => builtVersion(name));
  const argv = ["run", "--policies-d", watched, "--tenants", tenantsFile(), "--control", socket];
  // About a thousand opens a second of files that are not there, each of another name.
  const program = `import os, time
i = 0
while not os.path.exists("${scratch}/stop"):
    i += 1
    try: os.open("${scratch}/count/%d" % i, os.O_RDONLY)
    except FileNotFoundError: pass
    time.sleep(0.0005)
open("${scratch}/made", "w").write(str(i))`;
  install(versions[0] as string);
  sensor = spawn(
    process.execPath,
    [MAIN, ...argv, "--on-overload", "block", "--alerts", alertsFile, "--", "python3", "-c", program],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  sensor.stderr?.on("data", (text) => {
    said += text;
  });
  const swaps = (): number => said.split("web/counted replaced").length - 1;
  await until("the sensor judges", () => alertBytes() > 0);
  for (let i = 1; i <= SWAPS; i++) {
    install(versions[i % 2] as string);
    await until(`swap ${i}`, () => swaps() === i, { tell: () => said });
  }
  writeFileSync(join(scratch, "stop"), "");
  assert.is(await new Promise((resolve) => sensor.once("exit", resolve)), 0, said);
  const made = Number(readFileSync(join(scratch, "made"), "utf8"));
  const told = alerts().filter((alert) => alert.rule === "counted");
  const numbers = told.map((alert) => Number(/count\/(\d+)/.exec(String(alert.output_fields["fd.name"]))?.[1]));
  assert.is(numbers.length, made, `${made} opens were made`);
  assert.is(
    numbers.findIndex((number, i) => number !== i + 1),
    -1,
    "each was told once, in order",
  );
  const judges = told.map((alert) => alert.priority);
  const changes = judges.filter((judge, i) => i > 0 && judge !== judges[i - 1]).length;
  console.log(`# ${made} opens, each told once; ${changes} of ${SWAPS} swaps fell among them`);
  assert.ok(changes > SWAPS / 2, `only ${changes} swaps fell among the events`);
  assert.not.match(said, /failed|lost|dropped/, said);
});

/** The module of a policy that tells each open of a counted file, with another priority in each version. */
function builtVersion(name: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "policy.yaml"), "name: counted\n");
  const priority = name === "even" ? "Debug" : "Notice";
  writeFileSync(
    join(folder, "index.ts"),
    `import { AnyOpen, Priority, rule } from "vedette";
@rule({ name: "counted", priority: Priority.${priority}, output: "%fd.name" })
export function counted(e: AnyOpen): bool { return e.fd.name.startsWith("${scratch}/count/"); }
`,
  );
  assert.is(vedette("policy", "build", folder).status, 0);
  return join(folder, "policy.wasm");
}

/** Puts a module into the watched folder, whole at once. */
function install(module: string): void {
  const folder = join(watched, "web/counted");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "policy.yaml"))) writeFileSync(join(folder, "policy.yaml"), "name: counted\n");
  copyFileSync(module, join(scratch, "next"));
  renameSync(join(scratch, "next"), join(folder, "policy.wasm"));
}

/** A tenant whose rules are not held back. */
function tenantsFile(): string {
  const path = join(scratch, "tenants.yaml");
  const unbounded = ["alert_burst", "alerts_per_minute", "total_alert_burst", "total_alerts_per_minute"];
  writeFileSync(path, `tenants: {web: {limits: {${unbounded.map((limit) => `${limit}: 10000000`).join(", ")}}}}\n`);
  return path;
}

const alertBytes = (): number => statSync(alertsFile, { throwIfNoEntry: false })?.size ?? 0;

test("with --isolation process a tenant's policies judge in a process of their own, and as well", async () => {
  rmSync(join(scratch, "stop"), { force: true });
  rmSync(alertsFile);
  cpSync(draft, live, { recursive: true });
  const work = `for i in $(seq 30); do ${scratch}/bin/curl; sleep 0.1; done`;
  const argv = [
    "run",
    "--policies-d",
    watched,
    "--isolation",
    "process",
    "--alerts",
    alertsFile,
    "--",
    "sh",
    "-c",
    work,
  ];
  sensor = spawn(process.execPath, [MAIN, ...argv], { stdio: "ignore" });
  await until("an alert", () => alerts().length > 0);
  const children = spawnSync("ps", ["-o", "args=", "--ppid", String(sensor.pid)], { encoding: "utf8" }).stdout;
  assert.match(children, /cell-child/);
  assert.is(await new Promise((resolve) => sensor.once("exit", resolve)), 0);
  assert.is(alerts().filter((alert) => alert.rule === "Download tool run").length, 30, "each run was told once");
});

test.after(() => {
  sensor?.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
test.run();

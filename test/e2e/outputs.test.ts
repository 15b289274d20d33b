// SPDX-License-Identifier: Apache-2.0
//
// Outputs that take nothing, under the whole product: a full disk, a pipe that nobody reads, a receiver that
// hangs. Each is told within 2 s, by an error or by a red /api/v1/health; /healthz, whose red restarts a
// task, stays green; and the host can end. SIGHUP opens files by their names again.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { run, scratch, start, VEDETTE } from "./programs.js";
import { nonesuch, type Serving, serve } from "./serving.js";
import { NONESUCH, SLACK_MS, TOLD_MS_MAX } from "./told.js";

// A stdout that is full and that nobody reads. The reader's pid is told first, so that it can be ended.
const UNREAD = `exec 3> >(exec sleep 120 >/dev/null 2>&1); echo "reader $!" >&2
dd if=/dev/zero of=/proc/self/fd/3 oflag=nonblock bs=4096 count=1024 2>/dev/null
exec "$@" >&3 3>&-`;
const UNREAD_ERRORS = UNREAD.replace(">&3 3>&-", "2>&3 3>&-");

interface Health {
  status: string;
  judging: string | null;
  outputs: { name: string; kind: string; state: string; sent: number; lastError: { code: string } | null }[];
}

interface Host extends Serving {
  health(): Promise<{ code: number; body: Health }>;
  /** A workload that makes this many alerts. */
  alert(count: number): Promise<void>;
}

async function serveTo(folder: string, words: string[], wrapper: string[] = []): Promise<Host> {
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const host = await serve(folder, ["--falco-rules", "rules.yaml", "--drain", "1", ...words], { wrapper });
  return {
    ...host,
    health: async () => {
      const { code, text } = await host.page("/api/v1/health");
      return { code, body: JSON.parse(text) as Health };
    },
    alert: (count) => host.watches(nonesuch(count)),
    end: async () => {
      const ended = await host.end();
      endReader(host.said());
      return ended;
    },
  };
}

function endReader(said: string): void {
  const reader = /^reader (\d+)$/m.exec(said)?.[1];
  try {
    if (reader !== undefined) process.kill(Number(reader), "SIGKILL");
  } catch {
    // Gone already.
  }
}

/** Asks until health is red, and gives it; fails when it is not in time. */
async function redHealth(host: Host, since: number): Promise<Health> {
  for (;;) {
    const { code, body } = await host.health();
    if (code === 503) return body;
    assert.is(body.status, "ok");
    assert.ok(
      performance.now() - since < TOLD_MS_MAX + SLACK_MS,
      `still green: ${JSON.stringify(body)}\n${host.said()}`,
    );
    await sleep(50);
  }
}

test("a stdout that nobody reads: health is red within 2 s, the host goes on, and can end", async () => {
  const host = await serveTo(scratch(), [], ["bash", "-c", UNREAD, "sh"]);
  assert.is((await host.health()).code, 200);
  const raised = host.alert(5);
  const since = performance.now();
  await raised;
  const { outputs } = await redHealth(host, since);
  assert.equal([outputs[0]?.name, outputs[0]?.kind, outputs[0]?.state], ["stdout", "terminal", "stuck"]);
  assert.match(host.said(), /Alerts wait for stdout, which has taken none for 1\.5 s\. \[VEDETTE_OUTPUT_STUCK\]/);
  assert.is((await host.page("/healthz")).code, 200);
  const { text } = await host.page("/metrics");
  assert.match(text, /^vedette_output_healthy\{output="stdout",kind="terminal"\} 0$/m);
  assert.match(text, /^vedette_output_queued\{output="stdout",kind="terminal"\} 5$/m);
  const { status, ms } = await host.end();
  assert.is(status, 0, host.said());
  assert.ok(ms < 40_000, `its end took ${ms} ms`);
  assert.match(host.said(), /5 alerts could not be sent/);
});

test("a full disk under --alerts: told at once, red while it lasts, and nothing is lost once there is room", async () => {
  const folder = scratch();
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", disk], { stdio: "pipe" });
  } catch {
    return console.log("skip: a full disk: a tmpfs cannot be mounted here");
  }
  try {
    const host = await serveTo(folder, ["--alerts", join(disk, "alerts")]);
    writeFileSync(join(disk, "ballast"), Buffer.alloc(60 << 10));
    const since = performance.now();
    await host.alert(40);
    const { outputs } = await redHealth(host, since);
    assert.is(outputs[0]?.state, "retrying");
    assert.match(
      host.said(),
      /Alerts cannot be written to .*disk\/alerts: no space left on device\. \[VEDETTE_SINK_UNWRITABLE\]/,
    );
    assert.match(
      (await host.page("/metrics")).text,
      /_errors_total\{output=".*",kind="file",code="VEDETTE_SINK_UNWRITABLE"\} \d/,
    );
    execFileSync("rm", [join(disk, "ballast")]);
    for (let i = 0; i < 100 && (await host.health()).code !== 200; i++) await sleep(50);
    assert.is((await host.health()).body.outputs[0]?.sent, 40);
    assert.is((await host.end()).status, 0, host.said());
    const lines = readFileSync(join(disk, "alerts"), "utf8").trim().split("\n");
    assert.equal(
      lines.map((line) => JSON.parse(line).output_fields["fd.name"]),
      Array.from({ length: 40 }, (_, i) => `/nonesuch/${i + 1}`),
    );
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

test("a disk that stays full: the host ends all the same, and says what is lost", async () => {
  const host = await serveTo(scratch(), ["--alerts", "/dev/full"]);
  await host.alert(3);
  const { status, ms } = await host.end();
  assert.is(status, 0, host.said());
  assert.ok(ms < 40_000, `its end took ${ms} ms`);
  assert.match(host.said(), /no space left on device/);
  assert.match(host.said(), /3 alerts could not be sent/);
});

test("a receiver that takes the request and never answers: red within 2 s, other outputs go on, the host can end", async () => {
  const receiver = createServer(() => undefined);
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const folder = scratch();
  const alerts = join(folder, "alerts");
  const falco = ["--option", "http_output.enabled=true", "--option", `http_output.url=${url}`];
  const host = await serveTo(folder, ["--alerts", alerts, ...falco]);
  const raised = host.alert(2);
  const since = performance.now();
  await raised;
  const { outputs } = await redHealth(host, since);
  assert.equal(
    outputs.map(({ kind, state }) => [kind, state === "ok"]),
    [
      ["http", false],
      ["file", true],
    ],
  );
  assert.is(readFileSync(alerts, "utf8").trim().split("\n").length, 2);
  const { status, ms } = await host.end();
  receiver.closeAllConnections();
  receiver.close();
  assert.is(status, 0, host.said());
  assert.ok(ms < 40_000, `its end took ${ms} ms`);
  assert.match(host.said(), /2 alerts could not be sent/);
});

test("SIGHUP opens the file of alerts by its name again, also without a watched folder", async () => {
  const folder = scratch();
  const alerts = join(folder, "alerts");
  const host = await serveTo(folder, ["--alerts", alerts]);
  await host.alert(1);
  for (let i = 0; i < 40 && readFileSync(alerts, "utf8") === ""; i++) await sleep(50);
  renameSync(alerts, `${alerts}.1`);
  host.hangUp();
  for (let i = 0; i < 100 && !existsSync(alerts); i++) await sleep(50);
  await host.alert(2);
  assert.is((await host.end()).status, 0, host.said());
  assert.equal(
    [`${alerts}.1`, alerts].map((path) => readFileSync(path, "utf8").trim().split("\n").length),
    [1, 2],
  );
});

test("under `run`, a stderr that nobody reads holds up neither the workload nor the end", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const script = "for i in 1 2 3; do cat /nonesuch/$i 2>/dev/null; done; echo the end; exit 3";
  const own = ["run", "--falco-rules", join(folder, "rules.yaml"), "--", "sh", "-c", script];
  // The reader's pid stands on stderr, which is not read from then on.
  const wrapped = UNREAD_ERRORS.replace(">&2\n", `> ${join(folder, "reader")}\n`);
  const { child, ended } = start(["bash", "-c", wrapped, "sh", ...VEDETTE, ...own], { limitMs: 60_000 });
  const { status, stdout, timedOut } = await ended;
  endReader(readFileSync(join(folder, "reader"), "utf8"));
  assert.is(timedOut, false, `pid ${child.pid}`);
  assert.equal([status, stdout], [3, "the end\n"]);
});

test("under `run`, SIGHUP opens the file again, and the workload gets the signal too", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const alerts = join(folder, "alerts");
  const script = `trap 'echo hup' HUP; cat /nonesuch/1 2>/dev/null; echo ready
    while [ ! -e go ]; do sleep 0.05; done; cat /nonesuch/2 2>/dev/null; exit 0`;
  const own = ["run", "--falco-rules", join(folder, "rules.yaml"), "--alerts", alerts, "--", "sh", "-c", script];
  const { child, ended, printed } = start([...VEDETTE, ...own], { cwd: folder, limitMs: 60_000 });
  await until(
    "an alert beside the program",
    () => printed().includes("ready") && existsSync(alerts) && readFileSync(alerts, "utf8") !== "",
  );
  renameSync(alerts, `${alerts}.1`);
  child.kill("SIGHUP");
  await until("a new file", () => existsSync(alerts));
  writeFileSync(join(folder, "go"), "");
  const { status, stdout, stderr } = await ended;
  assert.equal([status, stdout], [0, "ready\nhup\n"], stderr);
  assert.equal(
    [`${alerts}.1`, alerts].map((path) => readFileSync(path, "utf8").trim().split("\n").length),
    [1, 1],
  );
});

test("two tenants with a rule of one name: --alerts-detail tells the operator whose an alert is", async () => {
  const folder = scratch();
  const source = `import { Openat, Priority, rule } from "vedette";
@rule({ name: "same", desc: "d", priority: Priority.Notice, output: "seen %fd.name" })
export function same(e: Openat): bool { return e.fd.name == "/nonesuch"; }
`;
  for (const tenant of ["blue", "red"]) {
    const policy = join(folder, "policies.d", tenant, "secrets");
    mkdirSync(policy, { recursive: true });
    writeFileSync(join(policy, "policy.yaml"), "name: secrets\nversion: 1.0.0\ndescription: the same\n");
    writeFileSync(join(policy, "index.ts"), source);
  }
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const alerts = join(folder, "alerts");
  const own = ["run", "--policies-d", join(folder, "policies.d"), "--falco-rules", join(folder, "rules.yaml")];
  const argv = [...VEDETTE, ...own, "--alerts", alerts, "--alerts-detail", "--", "cat", "/nonesuch"];
  const { status, stderr } = await run(argv, { cwd: folder });
  assert.is(status, 1, stderr);
  const fields = readFileSync(alerts, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ rule }) => rule === "same")
    .map(({ output_fields }) => output_fields);
  assert.equal(
    fields.map((one) => [one["vedette.tenant"], one["vedette.policy"]]).sort(),
    [
      ["blue", "secrets"],
      ["red", "secrets"],
    ],
    stderr,
  );
  for (const one of fields) assert.match(one["vedette.event"], /^[0-9a-f]{32}\/\d+$/);
  assert.is(new Set(fields.map((one) => one["vedette.event"])).size, 1, "of one event");
});

test.run();

// SPDX-License-Identifier: Apache-2.0
//
// `vedette serve` as a command: an agent of this machine from hello to its alert, SIGTERM, the health check,
// mistakes.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { METADATA_VARIABLE } from "../../../host/ecs/metadata.js";
import { blocksOf } from "../../pages.js";
import { until } from "../../until.js";

const folder = mkdtempSync(join(tmpdir(), "serve-"));
chmodSync(folder, 0o755);
const started: ChildProcess[] = [];
test.after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

const PORT = 20_000 + (process.pid % 12_000);
const HTTP = ["--http", `127.0.0.1:${PORT}`];
const READY_MS_MAX = 30_000;

const argvOf = (words: string[]) => ["--import", "tsx", "host/main.ts", "serve", ...words];

function run(words: string[]) {
  return spawnSync(process.execPath, argvOf(words), { encoding: "utf8", timeout: READY_MS_MAX });
}

/** Starts it, waits until it listens; `stop` gives status, stdout and stderr. */
async function serve(words: string[], http = HTTP) {
  const child = spawn(process.execPath, argvOf([...words, ...http]), { stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (text) => {
      texts[name] += text;
    });
  const closed = new Promise<number | null>((done) => child.on("close", done));
  const deadline = Date.now() + READY_MS_MAX;
  while (!texts.stderr.includes("listening at") && Date.now() < deadline)
    await new Promise((done) => setTimeout(done, 50));
  return {
    texts,
    stop: async () => {
      child.kill("SIGTERM");
      return { status: await closed, ...texts };
    },
  };
}

test("an agent that knows the secret is heard, its alert is on stdout, SIGTERM ends with 0", async () => {
  const secret = join(folder, "secret");
  const host = await serve(["--listen", `unix:${folder}/host.sock`, "--secret-file", secret]);
  assert.is(run(["--check", ...HTTP]).status, 0);
  const agent = [
    "--host",
    `unix:${folder}/host.sock`,
    "--secret-file",
    secret,
    "--start",
    "security",
    "--",
    "cat",
    "/etc/shadow",
  ];
  const environment = { ...process.env, VEDETTE_CONTAINER: "app" };
  assert.is(spawnSync("build/vedette-capture", agent, { env: environment, timeout: READY_MS_MAX }).status, 0);
  const { status, stdout, stderr } = await host.stop();
  assert.is(status, 0, stderr);
  const [alert] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal([alert.rule, alert.output_fields["container.name"]], ["Sensitive file read", "app"]);
  assert.match(stderr, /app has left: \d+ events, 0 lost/);
});

test("P13: the log has time and level, as lines or as JSON, and health says what runs, from where, since when", async () => {
  const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
  const host = await serve(["--listen", `unix:${folder}/log.sock`, "--log-format", "json"]);
  const health = (await (await fetch(`http://${HTTP[1]}/api/v1/health`)).json()) as Record<string, unknown>;
  const metrics = await (await fetch(`http://${HTTP[1]}/metrics`)).text();
  const { stderr } = await host.stop();
  const lines = stderr.trim().split("\n");
  const said = lines.map((line) => JSON.parse(line) as Record<string, string>);
  for (const { time, level, message } of said) {
    assert.match(time!, TIME);
    assert.is(level, "info");
    assert.not.match(message!, /^vedette: /);
  }
  const [shown] = blocksOf("operations.md").filter(({ text }) => text.includes('"level"'));
  assert.equal(Object.keys(said[1]!), Object.keys(JSON.parse(shown!.text)));
  const messages = said.map(({ message }) => message);
  assert.match(messages[0]!, /^version \S+ judges with \d+ policies from \/\S+$/);
  assert.is(messages[1], `listening at unix:${folder}/log.sock`);
  const runs = health.runs as Record<string, unknown>[];
  assert.ok(
    runs.length > 5 && runs.every(({ policy, version, from }) => policy && version && String(from).startsWith("/")),
  );
  assert.match(String(health.since), TIME);
  assert.match(metrics, /^vedette_ring_bytes [1-9]\d+$/m);
  assert.match(metrics, /^vedette_ring_waiting_bytes 0$/m);
  assert.not.match(metrics, /^nodejs_/m);
  const lined = run(["--listen", "nowhere", "--log-format", "text"]);
  assert.is(lined.status, 125);
  assert.match(
    lined.stderr,
    /^\d{4}-\S+Z error vedette: Agents cannot be accepted at nowhere: .* \[VEDETTE_LISTEN_REFUSED\]\n {2}Give/,
  );
});

test("P9: health is answered at a Unix socket too, also where an earlier host left its file", async () => {
  const path = join(folder, "http.sock");
  writeFileSync(path, "");
  const host = await serve(["--listen", `unix:${folder}/h.sock`, "--http", `unix:${path}`], []);
  assert.is(run(["--check", "--http", `unix:${path}`]).status, 0);
  assert.is((await host.stop()).status, 0);
  const gone = run(["--check", "--http", `unix:${path}`]);
  assert.match(gone.stderr, /\[VEDETTE_UNHEALTHY\]/);
});

test("P10: an agent that the host refuses says so, and why", async () => {
  const [right, wrong] = [join(folder, "right"), join(folder, "wrong")];
  const host = await serve(["--listen", `unix:${folder}/r.sock`, "--secret-file", right]);
  writeFileSync(wrong, "0".repeat(64));
  const words = ["--host", `unix:${folder}/r.sock`, "--secret-file", wrong, "--start", "security", "--", "true"];
  const { status, stderr } = spawnSync("build/vedette-capture", words, { encoding: "utf8", timeout: READY_MS_MAX });
  await host.stop();
  assert.is(status, 125);
  assert.match(stderr, /refuses this agent \(VEDETTE_SECRET_WRONG\)\. \[VEDETTE_AGENT_REFUSED\]/);
  assert.not.match(stderr, /cannot be reached|Permission denied/);
});

test("labels and the address that a task's metadata tell are there for Falco's conditions and outputs", async () => {
  const Labels = { "com.amazonaws.ecs.cluster": "lab", team: "shop" };
  const container = { DockerId: "c-1", Name: "app", Labels, Networks: [{ IPv4Addresses: ["10.0.0.61"] }] };
  const metadata = createServer((_, response) => response.end(JSON.stringify({ Containers: [container] })));
  await new Promise<void>((done) => metadata.listen(0, "127.0.0.1", done));
  const rules = join(folder, "labels.yaml");
  const condition = `evt.type in (open, openat) and fd.name=/nonesuch and container.label[team]=shop and container.ip=10.0.0.61
    and container.labels contains "cluster:lab, " and not container.label[none] exists and container.full_id=c-1`;
  const output = "%container.label[team] %container.labels %container.ip %container.full_id";
  writeFileSync(rules, JSON.stringify([{ rule: "labels", desc: "d", condition, output, priority: "INFO" }]));
  process.env[METADATA_VARIABLE] = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}/v4/c-1`;
  const host = await serve(["--listen", `unix:${folder}/labels.sock`, "--falco-rules", rules]);
  delete process.env[METADATA_VARIABLE];
  const words = ["--host", `unix:${folder}/labels.sock`, "--", "sh", "-c", "sleep 1; cat /nonesuch; true"];
  const agent = spawn("build/vedette-capture", words, {
    env: { ...process.env, VEDETTE_CONTAINER: "app" },
    stdio: "ignore",
  });
  started.push(agent);
  assert.is(await new Promise((done) => agent.on("close", done)), 0);
  const { stdout, stderr } = await host.stop();
  metadata.close();
  const [alert] = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  assert.ok(alert, stderr);
  const told = ["container.label[team]", "container.labels", "container.ip", "container.full_id"];
  assert.equal(
    told.map((name) => alert.output_fields[name]),
    ["shop", "com.amazonaws.ecs.cluster:lab, team:shop", "10.0.0.61", "c-1"],
  );
});

test("a container that ECS lists late is told of as such from then on, by its proven name and no id that was said", async () => {
  const [secret, stop] = [join(folder, "own"), join(folder, "stop")];
  let listed: object[] = [];
  const metadata = createServer((_, response) => response.end(JSON.stringify({ Containers: listed })));
  await new Promise<void>((done) => metadata.listen(0, "127.0.0.1", done));
  process.env[METADATA_VARIABLE] = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}/v4/c-0`;
  const host = await serve(["--listen", `unix:${folder}/late.sock`, "--container-secret", `app=${secret}`]);
  delete process.env[METADATA_VARIABLE];
  const words = ["--host", `unix:${folder}/late.sock`, "--secret-file", secret, "--start", "security", "--"];
  const script = 'while [ ! -e "$0" ]; do cat /etc/shadow; sleep 0.1; done';
  const environment = { VEDETTE_CONTAINER: "app", [METADATA_VARIABLE]: "http://127.0.0.1:9/v4/another" };
  const agent = spawn("build/vedette-capture", [...words, "sh", "-c", script, stop], {
    env: { ...process.env, ...environment },
    stdio: "ignore",
  });
  started.push(agent);
  const alerts = () =>
    host.texts.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).output_fields);
  const first = await until("an alert", () => alerts()[0]);
  listed = [{ DockerId: "c-1", Name: "app", Image: "app:7" }];
  const late = await until("the late alert", () => alerts().find((fields) => fields["container.id"] === "c-1"));
  writeFileSync(stop, "");
  assert.is(await new Promise((done) => agent.on("close", done)), 0);
  await host.stop();
  metadata.close();
  assert.equal([first["container.id"], first["container.image"]], ["app", null]);
  assert.equal([late["container.name"], late["container.image"]], ["app", "app:7"]);
});

test("a name without a file and loopback TCP serve as well", async () => {
  for (const listen of [`abstract:serve-${process.pid}`, `tcp:127.0.0.1:${PORT + 1}`]) {
    const host = await serve(["--listen", listen]);
    const ended = spawnSync("build/vedette-capture", ["--host", listen, "--", "true"], { timeout: READY_MS_MAX });
    assert.is(ended.status, 0);
    assert.match((await host.stop()).stderr, /has left: \d+ events, 0 lost/);
  }
});

const MISTAKES: [string, string[], number, RegExp][] = [
  ["a check of a host that is not there", ["--check", ...HTTP], 1, /is not healthy: .*\[VEDETTE_UNHEALTHY\]/],
  ["an address of no known kind", ["--listen", "/run/x"], 125, /\[VEDETTE_LISTEN_REFUSED\]/],
  [
    "a folder that is not there",
    ["--listen", "unix:/none/x.sock", ...HTTP],
    125,
    /\/none\/x\.sock: .*\[VEDETTE_LISTEN_REFUSED\]/,
  ],
  [
    "a monitor's address that is none",
    ["--http", "here"],
    125,
    /Health and metrics cannot be .*\[VEDETTE_HTTP_REFUSED\]/,
  ],
  ["a secret that cannot be kept", ["--secret-file", "/none/secret", ...HTTP], 125, /\[VEDETTE_SECRET_UNUSABLE\]/],
  ["a container's secret without a file", ["--container-secret", "app"], 2, /It must be NAME=FILE\. \[VEDETTE_USAGE\]/],
  [
    "a container's secret that cannot be kept",
    ["--container-secret", "app=/none/secret", ...HTTP],
    125,
    /kept at \/none\/secret: .*\[VEDETTE_SECRET_UNUSABLE\]/,
  ],
  ["a time that is none", ["--drain", "soon"], 2, /\[VEDETTE_USAGE\]/],
];

for (const [title, words, status, sentence] of MISTAKES) {
  test(`${title}: a sentence and a hint, no stack`, () => {
    const ended = run(words);
    assert.is(ended.status, status, ended.stderr);
    assert.match(ended.stderr, sentence);
    assert.not.match(ended.stderr, /\n\s+at /);
  });
}

test.run();

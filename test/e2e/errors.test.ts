// SPDX-License-Identifier: Apache-2.0
//
// Bad input: each ends with the code of the catalogue (capture/wire/errors.yaml), its exit status, one
// sentence that names the place, and no stack trace. A last test asks that every code of the catalogue is
// caused by some test.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { EVENTS } from "../../build/generated/events.js";
import { POLICY_YAML, ROWS, type Row, TELLS, vedette } from "./bad-input.js";
import { buildFixture } from "./fixtures.js";
import { AGENT, hasCommand, ROOT, type Run, run, scratch, start, VEDETTE } from "./programs.js";

const CATALOGUE = parse(readFileSync(join(ROOT, "capture/wire/errors.yaml"), "utf8")) as Record<
  string,
  { exit: number }
>;

function check(row: Row, ended: Run): void {
  const { stderr } = ended;
  const told = `stderr was:\n${stderr}`;
  assert.is(ended.status, row.status ?? CATALOGUE[row.code]!.exit, told);
  assert.ok(stderr.includes(`[${row.code}]`), told);
  assert.match(stderr, row.says, told);
  assert.not.match(stderr, /^\s+at .*[:(]/m, "a stack trace");
  assert.not.match(stderr, /\{\w+\}/, "a sentence with a hole");
  assert.is(stderr.split("\n").filter((line) => /\[VEDETTE_\w+\]/.test(line)).length, 1, told);
}

for (const row of ROWS) {
  test(row.title, async () => {
    const folder = scratch();
    for (const [path, text] of Object.entries(row.files ?? {})) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    check(row, await run(row.argv, { cwd: folder }));
  });
}

test("nothing is left of a workload that was never to start", async () => {
  const folder = scratch();
  await run(vedette("run", "--policy", "missing", "--", "touch", "started"), { cwd: folder });
  await run(vedette("run", "--alerts", "missing/x", "--", "touch", "started"), { cwd: folder });
  assert.equal(readdirSync(folder), []);
});

// An installation with parts that are missing or not what they should be: a copy of the built host beside
// them.
function installation(absent?: string): { folder: string; command: string[] } {
  const folder = scratch();
  cpSync(join(ROOT, "build/js"), join(folder, "build/js"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules")))
    if (name !== absent) symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
  for (const name of ["build/generated", "rules-wasm"]) symlinkSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, "build/capture.node"), join(folder, "build/capture.node"));
  return { folder, command: [process.execPath, join(folder, "build/js/host/main.js"), "trace", "--", "true"] };
}

// What stands in the agent's place: a script whose descriptor 3 is the stream to the host.
async function withAgent(script: string, stream?: Buffer): Promise<Run> {
  const { folder, command } = installation();
  if (stream !== undefined) writeFileSync(join(folder, "stream"), stream);
  writeFileSync(join(folder, "build/vedette-capture"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "build/vedette-capture"), 0o755);
  return run(command, { cwd: folder });
}

// What a real agent says, as bytes.
async function recordedStream(): Promise<Buffer> {
  const folder = scratch();
  const recorder = `
    import net from "node:net"; import fs from "node:fs";
    net.createServer((socket) => socket.pipe(fs.createWriteStream("stream")).on("finish", () => process.exit(0))).listen("host.sock", () => console.log("ready"));`;
  const recording = start([process.execPath, "--input-type=module", "-e", recorder], { cwd: folder });
  await new Promise((ready) => recording.child.stdout!.once("data", ready));
  const ended = await run([AGENT, "--host", "unix:host.sock", "--", "true"], { cwd: folder });
  assert.is(ended.status, 0, ended.stderr);
  await recording.ended;
  return readFileSync(join(folder, "stream"));
}

// The frames of a stream: [start, end) of each, with its size in front.
function framesOf(stream: Buffer): { start: number; end: number }[] {
  const frames = [];
  for (let at = 0; at + 4 <= stream.length; at = frames.at(-1)!.end) {
    frames.push({ start: at, end: at + 4 + stream.readUInt32LE(at) });
  }
  return frames;
}

test("an agent that is not there", async () => {
  const { folder, command } = installation();
  check(
    { title: "", code: "VEDETTE_AGENT_MISSING", says: /vedette-capture/, argv: [] },
    await run(command, { cwd: folder }),
  );
});

test("an addon that cannot be loaded", async () => {
  const { folder, command } = installation();
  rmSync(join(folder, "build/capture.node"));
  writeFileSync(join(folder, "build/capture.node"), "no library");
  check(
    { title: "", code: "VEDETTE_ADDON_MISSING", says: /capture\.node/, argv: [] },
    await run(command, { cwd: folder }),
  );
});

test("a console without its pages", async () => {
  const { folder, command } = installation();
  const flags = ["--console", "--control-tcp", "127.0.0.1:0", "--control", "control.sock"];
  const { code, says } = { code: "VEDETTE_CONSOLE_MISSING", says: /build\/web\/index\.html: no such file/ };
  writeFileSync(join(folder, "rules.yaml"), "[]\n");
  const argv = [...command.slice(0, 2), "serve", "--falco-rules", "rules.yaml", "--listen", "unix:host.sock", ...flags];
  check({ title: "", code, says, argv: [] }, await run(argv, { cwd: folder }));
});

test("a compiler that is not installed", async () => {
  const { folder, command } = installation("assemblyscript");
  mkdirSync(join(folder, "good"));
  writeFileSync(join(folder, "good/policy.yaml"), POLICY_YAML);
  writeFileSync(join(folder, "good/index.ts"), TELLS);
  for (const [says, ...argv] of [
    [/failed on good: Cannot find module 'assemblyscript/, "run", "--policy", "good", "--", "true"],
    [/failed on good: its process ended \(1; .*Cannot find package 'assemblyscript'/, "policy", "check", "good"],
  ] as const) {
    const ended = await run([...command.slice(0, 2), ...argv], { cwd: folder });
    check({ title: "", code: "VEDETTE_COMPILER_FAILED", says, argv: [] }, ended);
  }
});

test("a host that answers that it is not healthy", async () => {
  const server = createServer((_request, response) => response.writeHead(503).end("policies are being loaded\n"));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const ended = await run(vedette("serve", "--check", "--http", `127.0.0.1:${port}`));
  server.close();
  check({ title: "", code: "VEDETTE_UNHEALTHY", says: /it says "policies are being loaded"/, argv: [] }, ended);
});

// Root may read everything: there, somebody else asks.
const NOBODY = process.geteuid?.() === 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [];

test("what this user may not read of a policy is named", async () => {
  const isThere = await run([...NOBODY, "test", "-r", VEDETTE[1]!]).catch(() => null);
  if (isThere?.status !== 0) return console.log("skip: files that may not be read: no other user can run Vedette here");
  const files = { "policy.yaml": POLICY_YAML, "index.ts": TELLS, "tests.yaml": "tests: []\n", "lib/deep.ts": "" };
  for (const [closed, code, says, ...command] of [
    ["policy.yaml", "VEDETTE_POLICY_YAML", /good\/policy\.yaml:1:1: it cannot be read: permission denied/, "check"],
    ["index.ts", "VEDETTE_POLICY_UNREADABLE", /folder good cannot be read: index\.ts: permission denied/, "check"],
    ["lib/deep.ts", "VEDETTE_POLICY_UNREADABLE", /folder good cannot be read: lib\/deep\.ts: permission/, "test"],
    ["lib", "VEDETTE_POLICY_UNREADABLE", /folder good cannot be read: lib: permission denied/, "bench"],
    ["tests.yaml", "VEDETTE_POLICY_TESTS", /good\/tests\.yaml:1:1: it cannot be read: permission denied/, "test"],
    [".", "VEDETTE_POLICY_UNREADABLE", /folder good cannot be read: permission denied/, "test"],
  ] as const) {
    const folder = scratch();
    chmodSync(folder, 0o755);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, "good", path, ".."), { recursive: true });
      writeFileSync(join(folder, "good", path), text);
    }
    chmodSync(join(folder, "good", closed), 0);
    const argv = [...NOBODY, ...vedette("policy", ...command, "good")];
    check({ title: closed, code, says, argv }, await run(argv, { cwd: folder }));
    chmodSync(join(folder, "good", closed), 0o700);
  }
});

test("an agent that ends before it says how the workload ended", async () => {
  check({ title: "", code: "VEDETTE_AGENT_LOST", says: /status 7/, argv: [] }, await withAgent("exit 7"));
});

test("an oversized frame on the socket", async () => {
  const ended = await withAgent("cat stream >&3; sleep 1", Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 2, 3]));
  check({ title: "", code: "VEDETTE_FRAME_OVERSIZED", says: /2147483647/, argv: [] }, ended);
});

test("a frame that is none of an agent's", async () => {
  const ended = await withAgent("cat stream >&3; sleep 1", Buffer.from([1, 0, 0, 0, 0xc0]));
  check({ title: "", code: "VEDETTE_FRAME_UNEXPECTED", says: /agent/, argv: [] }, ended);
});

test("a stream of another schema", async () => {
  const stream = await recordedStream();
  const hello = framesOf(stream)[0]!;
  const schema = stream.indexOf(0xcf, hello.start); // msgpack uint64
  stream[schema + 1]! ^= 0xff;
  const ended = await withAgent("cat stream >&3; sleep 1", stream);
  check({ title: "", code: "VEDETTE_SCHEMA_MISMATCH", says: /schema/, argv: [] }, ended);
});

test("a corrupted batch on the socket, wherever it is corrupted", async () => {
  const stream = await recordedStream();
  // However many there are, the procexit is in the last with events; that behind the end has none.
  const isBatch = ({ start }: { start: number }) => stream.toString("latin1", start + 6, start + 13) === "vedette";
  const batch = framesOf(stream).filter(isBatch).at(-2)!;
  const last = batch.end - (48 + 5 * 8); // procexit: a header and five slots
  assert.is(stream.readUInt16LE(last), EVENTS.find((event) => event.name === "procexit")!.id);
  for (const [what, at] of [
    ["the record's length", last + 4],
    ["the record's type", last],
    ["an early byte", batch.start + 6],
  ] as const) {
    const broken = Buffer.from(stream);
    broken.fill(0xff, at, at + 8);
    const ended = await withAgent("cat stream >&3; sleep 1", broken);
    assert.match(ended.stderr, /VEDETTE_(BATCH_CORRUPT|FRAME_UNEXPECTED)/, `${what}: ${ended.stderr}`);
    assert.not.match(ended.stderr, /^\s+at .*[:(]/m, "a stack trace");
    assert.is(ended.status, CATALOGUE.VEDETTE_BATCH_CORRUPT!.exit);
  }
});

test("a kernel that refuses ptrace, because someone else traces the workload", async () => {
  if (!hasCommand("strace")) return console.log("skip: a kernel that refuses ptrace: no strace on this machine");
  const ended = await run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none", AGENT, "--", "true"]);
  check({ title: "", code: "VEDETTE_PTRACE_REFUSED", says: /pid \d+/, argv: [] }, ended);
});

test("a container that refuses seccomp", async () => {
  const ended = await run([buildFixture("deny"), "317=1", "--", AGENT, "--", "true"]);
  check({ title: "", code: "VEDETTE_SECCOMP_REFUSED", says: /seccomp/, argv: [] }, ended);
});

test("a capability that the agent may not take from the command", async () => {
  const without = ["setpriv", "--bounding-set=-setpcap"];
  const ended = await run([...without, AGENT, "--sys-ptrace", "withhold", "--", "true"]);
  check({ title: "", code: "VEDETTE_CAPABILITY_KEPT", says: /SYS_PTRACE/, argv: [] }, ended);
  const bound = await run([...without, "--no-new-privs", AGENT, "--sys-ptrace", "withhold", "--", "true"]);
  assert.is(bound.status, 0, "what no exec can give back is withheld all the same");
});

test("a machine that makes no more processes", async () => {
  const ended = await run([buildFixture("deny"), "56=11", "57=11", "58=11", "435=38", "--", AGENT, "--", "true"]);
  check({ title: "", code: "VEDETTE_LAUNCH_FAILED", says: /started/, argv: [] }, ended);
});

test("every code of the catalogue is caused by a test", () => {
  const tests = readdirSync(join(ROOT, "test"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.test\.ts$|_test\.cc$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
  const ofRows = new Set(ROWS.map((row) => row.code));
  const uncaused = Object.keys(CATALOGUE).filter(
    (code) => !ofRows.has(code) && !new RegExp(`\\b${code}\\b`).test(tests),
  );
  assert.equal(uncaused, []);
});

test.run();

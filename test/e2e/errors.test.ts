// SPDX-License-Identifier: Apache-2.0
//
// Bad input: each ends with the code of the catalogue (capture/wire/errors.yaml), its exit status, one sentence that names the place,
// and no stack trace. A last test asks that every code of the catalogue is caused by some test.
// Time limit: 240 s.
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { EVENTS } from "../../build/generated/events.js";
import { buildFixture } from "./fixtures.js";
import { hasCommand, ROOT, type Run, run, scratch, start, VEDETTE } from "./programs.js";

const AGENT = join(ROOT, "build/vedette-capture");
const CATALOGUE = parse(readFileSync(join(ROOT, "capture/wire/errors.yaml"), "utf8")) as Record<
  string,
  { exit: number }
>;

const POLICY_YAML = "name: bad\nversion: 1.0.0\ndescription: made to be refused\n";
const RULE = `import { AnyExec, Priority, rule } from "vedette";

@rule({ name: "R", desc: "d", priority: Priority.Notice, output: "o" })
export function r(e: AnyExec): bool {
  return e.nonsense;
}
`;
const TELLS = RULE.replace("e.nonsense", "true");
const TRAPS = RULE.replace("return e.nonsense", 'throw new Error("by design")');
const EC_KEY = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;
// Nobody listens there, and fetch's list of ports that it refuses does not hold it.
const NOBODYS_PORT = 6;

interface Row {
  title: string;
  code: string;
  // What the sentence must name.
  says: RegExp;
  files?: Record<string, string>;
  argv: string[];
  status?: number;
}

const vedette = (...args: string[]): string[] => [...VEDETTE, ...args];

const ROWS: Row[] = [
  { title: "no command of Vedette", code: "VEDETTE_USAGE", says: /command/i, argv: vedette() },
  { title: "no command to run", code: "VEDETTE_NO_COMMAND", says: /no command/i, argv: vedette("run") },
  { title: "an empty command", code: "VEDETTE_NO_COMMAND", says: /no command/i, argv: vedette("trace", "--", "") },
  {
    title: "a command that is not there",
    code: "VEDETTE_COMMAND_NOT_FOUND",
    says: /no-such-command/,
    argv: vedette("run", "--", "no-such-command"),
  },
  {
    title: "a path that is not there",
    code: "VEDETTE_COMMAND_NOT_FOUND",
    says: /\.\/missing\/program/,
    argv: vedette("trace", "--", "./missing/program"),
  },
  {
    title: "a file that is not executable",
    code: "VEDETTE_COMMAND_NOT_EXECUTABLE",
    says: /\.\/plain/,
    files: { plain: "text" },
    argv: vedette("run", "--", "./plain"),
  },
  {
    title: "a folder as command",
    code: "VEDETTE_COMMAND_NOT_EXECUTABLE",
    says: /\/etc/,
    argv: vedette("run", "--", "/etc"),
  },
  {
    title: "an unknown option",
    code: "VEDETTE_USAGE",
    says: /--colour/,
    argv: vedette("run", "--colour", "--", "true"),
  },
  {
    title: "an unknown command of Vedette",
    code: "VEDETTE_USAGE",
    says: /watch/,
    argv: vedette("watch", "--", "true"),
  },
  { title: "a command without --", code: "VEDETTE_USAGE", says: /--/, argv: vedette("run", "true") },
  {
    title: "a snapshot length that is no number",
    code: "VEDETTE_USAGE",
    says: /4096/,
    argv: vedette("run", "--snaplen", "many", "--", "true"),
  },
  {
    title: "a snapshot length too large",
    code: "VEDETTE_USAGE",
    says: /4096/,
    argv: vedette("run", "--snaplen", "4097", "--", "true"),
  },
  {
    title: "a policy folder that is not there",
    code: "VEDETTE_POLICY_UNREADABLE",
    says: /missing-policies/,
    argv: vedette("run", "--policy", "missing-policies", "--", "true"),
  },
  {
    title: "a folder without policies",
    code: "VEDETTE_POLICY_NONE",
    says: /nothing/,
    files: { "nothing/readme": "" },
    argv: vedette("run", "--policy", "nothing", "--", "true"),
  },
  {
    title: "a policy.yaml that is no YAML",
    code: "VEDETTE_POLICY_YAML",
    says: /policy\.yaml:3:1: /, // the flow sequence ends where the file does
    files: { "bad/policy.yaml": "name: bad\nversion: [1\n", "bad/index.ts": RULE },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy.yaml that is a folder",
    code: "VEDETTE_POLICY_YAML",
    says: /policy\.yaml:1:1: it cannot be read: it is a folder/,
    files: { "bad/policy.yaml/x": "", "bad/index.ts": TELLS },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a tenants.yaml that is not there",
    code: "VEDETTE_TENANTS_YAML",
    says: /missing\.yaml:1:1: it cannot be read: no such file or directory/,
    argv: vedette("run", "--tenants", "missing.yaml", "--", "true"),
  },
  {
    title: "a policy that does not compile",
    code: "VEDETTE_POLICY_COMPILE",
    says: /index\.ts:5:\d+: .*nonsense/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": RULE },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy without rules",
    code: "VEDETTE_POLICY_NO_RULES",
    says: /bad/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": "export const nothing = 1;\n" },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy without code",
    code: "VEDETTE_POLICY_NO_CODE",
    says: /bad/,
    files: { "bad/policy.yaml": POLICY_YAML },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a row that no race-free answer can be given to",
    code: "VEDETTE_PREVENT_REFUSED",
    says: /bad\/policy\.yaml:2:\d+: open cannot be prevented: .*another thread/,
    files: { "bad/policy.yaml": "name: bad\nprevent: [{name: n, deny: open}]\n" },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a row that this agent cannot hold",
    code: "VEDETTE_PREVENT_TABLE",
    says: /the agent of this workload: with --io-uring allow/,
    files: { "good/policy.yaml": "name: good\nprevent: [{name: n, deny: connect, to: [10.0.0.0/8]}]\n" },
    argv: vedette("run", "--io-uring", "allow", "--policy", "good", "--", "true"),
  },
  {
    title: "an alerts file that cannot be written",
    code: "VEDETTE_SINK_UNWRITABLE",
    says: /missing\/alerts/,
    argv: vedette("run", "--alerts", "missing/alerts", "--", "true"),
  },
  {
    title: "alerts on a full disk",
    code: "VEDETTE_SINK_UNWRITABLE",
    says: /\/dev\/full: no space left on device\.[\s\S]*: 1 alert could not be sent/,
    files: { "good/policy.yaml": POLICY_YAML, "good/index.ts": TELLS },
    argv: vedette("run", "--policy", "good", "--alerts", "/dev/full", "--", "true"),
    status: 0, // the workload's own
  },
  {
    title: "a trace on a full disk",
    code: "VEDETTE_OUTPUT_UNWRITABLE",
    says: /\/dev\/full: no space left on device/,
    argv: vedette("trace", "-o", "/dev/full", "--", "sh", "-c", "exit 3"),
    status: 3,
  },
  {
    title: "a recording that cannot be written",
    code: "VEDETTE_RECORDING_UNWRITABLE",
    says: /missing\/recording/,
    argv: vedette("record", "-o", "missing/recording", "--", "true"),
  },
  {
    title: "a recording beside alerts that cannot be written",
    code: "VEDETTE_RECORDING_UNWRITABLE",
    says: /missing\/recording/,
    argv: vedette("run", "--record", "missing/recording", "--", "true"),
  },
  {
    title: "a policy that fails at an event",
    code: "VEDETTE_POLICY_TRAPPED",
    says: /policy bad failed while it judged event \d+: by design/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": TRAPS },
    argv: vedette("run", "--policy", "bad", "--alerts", "/dev/null", "--", "sh", "-c", "exit 3"),
    status: 3,
  },
  {
    title: "a policy that fails when it is measured",
    code: "VEDETTE_POLICY_TRAPPED",
    says: /policy bad failed while it judged event of type exec\w+: by design/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": TRAPS },
    argv: vedette("policy", "bench", "bad"),
  },
  {
    title: "a key that is none",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /The key text cannot be used/,
    files: { "good/policy.yaml": POLICY_YAML, text: "no key" },
    argv: vedette("policy", "sign", "good", "--key", "text"),
  },
  {
    title: "a key of another kind",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /The key ec\.pem cannot be used: it is of the kind ec\./,
    files: { "good/policy.yaml": POLICY_YAML, "ec.pem": EC_KEY },
    argv: vedette("policy", "sign", "good", "--key", "ec.pem"),
  },
  {
    title: "a key that cannot be made",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /missing\/key cannot be used: no such file or directory/,
    files: { "good/policy.yaml": POLICY_YAML },
    argv: vedette("policy", "sign", "good", "--key", "missing/key"),
  },
  {
    title: "a host that is asked for its health and is not there",
    code: "VEDETTE_UNHEALTHY",
    says: /127\.0\.0\.1:6 is not healthy: connection refused/,
    argv: vedette("serve", "--check", "--http", `127.0.0.1:${NOBODYS_PORT}`),
  },
  {
    title: "a trace file that cannot be written",
    code: "VEDETTE_OUTPUT_UNWRITABLE",
    says: /missing\/trace/,
    argv: vedette("trace", "-o", "missing/trace", "--", "true"),
  },
  {
    title: "a host that is not there",
    code: "VEDETTE_HOST_UNREACHABLE",
    says: /missing\.sock/,
    argv: [AGENT, "--host", "unix:missing.sock", "--", "true"],
  },
  {
    title: "a bad option of the agent",
    code: "VEDETTE_USAGE",
    says: /--snaplen/,
    argv: [AGENT, "--snaplen", "x", "--", "true"],
  },
];

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

// An installation with parts that are missing or not what they should be: a copy of the built host beside them.
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
  const batch = framesOf(stream).at(-2)!; // however many there are, the end frame follows the last
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

test("a machine that makes no more processes", async () => {
  const ended = await run([buildFixture("deny"), "56=11", "57=11", "58=11", "435=38", "--", AGENT, "--", "true"]);
  check({ title: "", code: "VEDETTE_LAUNCH_FAILED", says: /started/, argv: [] }, ended);
});

test("every code of the catalogue is caused by a test", () => {
  const tests = readdirSync(join(ROOT, "test"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.test\.ts$|_test\.cc$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
  const uncaused = Object.keys(CATALOGUE).filter((code) => !new RegExp(`\\b${code}\\b`).test(tests));
  assert.equal(uncaused, []);
});

test.run();

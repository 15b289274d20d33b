// SPDX-License-Identifier: Apache-2.0
//
// What a tenant writes in policy.yaml and tests.yaml is short, and stands for much (H51): keys without end,
// one recording a hundred times, texts that each alert would have. Others' alerts come meanwhile.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NotPlain, readOwnedFile } from "../../host/plain-file.js";
import { assemble, HAND_WRITTEN } from "../host/wasm/shared.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";
import { largeRecording } from "./large-recording.js";

const MODULE = assemble(HAND_WRITTEN);
const folder = mkdtempSync(join(tmpdir(), "yaml-"));
const team = join(folder, "policies.d", "team");
mkdirSync(team, { recursive: true });
const host = await Host.start(folder, ["--policies-d", join(folder, "policies.d")]);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

let count = 0;

/** Puts a whole policy there, and gives what the host says of it. */
async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const name = `p${count++}`;
  const draft = join(folder, name);
  mkdirSync(draft);
  for (const [file, bytes] of Object.entries({ "policy.yaml": "name: p\n", "policy.wasm": MODULE, ...files }))
    writeFileSync(join(draft, file), bytes);
  renameSync(draft, join(team, name));
  const told = new RegExp(`policy team/${name} (loaded|failed).*`);
  await until("it is told", () => host.end !== null || told.test(host.stderr), { ms: 120_000 });
  assert.is(host.end, null, host.stderr.slice(-1_000));
  await stillJudges(host, honest);
  return told.exec(host.stderr)?.[0] ?? "";
}

const TESTS = `tests:
  - {name: a, events: [openat: {name: /x, res: ENOENT}], alerts: [Failed open]}
  - {name: b, events: [openat: {name: /x, res: 3}], alerts: []}
`;

test("H51: the control: a policy with tests is loaded, and one that fails its tests is not", async () => {
  assert.match(await put({ "tests.yaml": TESTS }), /loaded/);
  assert.match(await put({ "tests.yaml": TESTS.replace("[Failed open]", "[]") }), /VEDETTE_POLICY_SELF_TEST/);
  assert.match(await put({ "tests.yaml": "tests: [{}]\n" }), /tests.yaml:1:\d+.*VEDETTE_POLICY_TESTS/);
});

test("H51: policy.yaml that takes long to read, or stands for more than it may, is refused", async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `  a${i}: {}`).join("\n");
  assert.match(await put({ "policy.yaml": `name: p\nrules:\n${keys}\n` }), /VEDETTE_POLICY_UNREADABLE/);
  assert.match(await put({ "policy.yaml": `name: ${"[".repeat(60_000)}\n` }), /VEDETTE_POLICY_YAML/);
  const list = `x: &a [${"y,".repeat(15_000)}]\nname: p\nb: [${"*a,".repeat(900)}]\n`;
  assert.match(await put({ "policy.yaml": list }), /stands for more than it may.*VEDETTE_POLICY_YAML/);
});

test("H51: what a rule's alerts would have is bounded in policy.yaml as in a module", async () => {
  const rule = (change: string): string => `name: p\nrules: {Failed open: {${change}}}\n`;
  assert.match(await put({ "policy.yaml": rule("output: '%proc.name did it', tags: [a]") }), /loaded/);
  const output = `output: "${"%proc.cmdline ".repeat(1_000)}"`;
  for (const change of [output, `tags: [${"t,".repeat(1_000)}]`])
    assert.match(await put({ "policy.yaml": rule(change) }), /VEDETTE_POLICY_YAML/);
});

test("H51: an error tells of a text, and does not repeat it whole", async () => {
  const told = await put({ "policy.yaml": `name: p\n${"k".repeat(60_000)}: 1\n` });
  assert.match(told, /VEDETTE_POLICY_YAML/);
  assert.ok(told.length < 10_000, `${told.length} characters`);
});

test("H51: tests of one recording, a hundred times, cost the process that tries them and not the host", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `  - {name: t${i}, recording: a.rec, alerts: []}`);
  const before = host.ownMib;
  let most = before;
  const look = setInterval(() => (most = Math.max(most, host.ownMib)), 20);
  const told = await put({ "a.rec": largeRecording(folder, 30), "tests.yaml": `tests:\n${names.join("\n")}\n` });
  clearInterval(look);
  assert.match(told, /VEDETTE_POLICY_TRIAL/);
  assert.ok(most - before < 200, `${most - before} MiB more`);
});

test("H51: a file that grows while it is read is read no further than it may be", async () => {
  const path = join(folder, "grows");
  writeFileSync(path, "x");
  const grow =
    "import os, sys\nfd = os.open(sys.argv[1], os.O_RDWR)\nwhile True: os.ftruncate(fd, 10); os.ftruncate(fd, 64 << 20)";
  const grower = spawn("python3", ["-c", grow, path], { stdio: "ignore" });
  try {
    const found = { whole: 0, refused: 0 };
    const read = (): void => {
      try {
        assert.ok(readOwnedFile(path, { most: 4_096 }).bytes.length <= 4_096);
        found.whole++;
      } catch (error) {
        assert.instance(error, NotPlain);
        found.refused++;
      }
    };
    await until("it was seen small and large", () => {
      for (let i = 0; i < 500; i++) read();
      return found.whole > 500 && found.refused > 500;
    });
  } finally {
    grower.kill();
  }
});

test.run();

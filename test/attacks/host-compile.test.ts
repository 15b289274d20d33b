// SPDX-License-Identifier: Apache-2.0
//
// Modules that cost V8's compiler gigabytes (H11), and sources that cost AssemblyScript's (H32): most modules
// are refused by what their bytes say, and what nobody can see there ends a process with little memory, not
// the host. The honest control is a policy of another tenant that comes after each, and the agent beside.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assemble, HAND_WRITTEN } from "../host/wasm/shared.js";
import { until } from "../until.js";
import { branching, crowded, joined, nested, stacked } from "./costly.js";
import { HandAgent, Host, stillJudges } from "./host.js";

const GOOD = assemble(HAND_WRITTEN);
/** The compiler's process has 120 s on a machine where others work, too. */
const COMPILE_MS_MAX = 180_000;
/** What the host's own memory may grow by meanwhile. */
const GROWTH_MIB_MAX = 150;

const folder = mkdtempSync(join(tmpdir(), "compile-"));
const watched = join(folder, "policies.d");
mkdirSync(watched);
const host = await Host.start(folder, ["--policies-d", watched]);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

/** The most that the host's process has had at once. */
const peakMib = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${host.child.pid}/status`, "utf8"))![1]) / 1024;

/** Whole at once: a host that looks between two writes would tell another failure first. */
function put(tenant: string, policy: string, module: Uint8Array): void {
  const draft = join(folder, "draft");
  mkdirSync(draft);
  writeFileSync(join(draft, "policy.yaml"), `name: ${policy}\n`);
  writeFileSync(join(draft, "policy.wasm"), module);
  mkdirSync(join(watched, tenant), { recursive: true });
  renameSync(draft, join(watched, tenant, policy));
}

let controls = 0;
async function stillLoads(): Promise<void> {
  const name = `control-${controls++}`;
  put("honest", name, GOOD);
  await until("the honest policy is loaded", () => host.stderr.includes(`policy honest/${name} loaded`));
}

for (const [name, module, said] of [
  ["locals", joined(GOOD, 49_000, 80_000), /a function has 49\d{3} locals, and 2000 may be/],
  ["joins", joined(GOOD, 1_900, 50_000), /a function joins 190\d locals at 100001 places: \d+, and 2000000 may be/],
  ["nesting", nested(GOOD, 100_000), /a function nests 501 blocks, and 500 may be/],
  ["targets", branching(GOOD, 60_000), /the tables of a function have 60\d{3} targets, and 20000 may be/],
  ["functions", crowded(GOOD, 50_000), /it has 500\d\d functions, and 10000 may be/],
] as const)
  test(`H11: a module beyond the bound on its ${name} is refused before it is compiled, by the bound`, async () => {
    await stillLoads();
    const before = peakMib();
    put("team", name, module);
    // The whole line: what the pipe brings may end within it.
    const refused = new RegExp(`policy team/${name} failed.*\n`);
    const [line] = await until("it is refused", () => refused.exec(host.stderr), { tell: () => host.stderr });
    assert.match(line, "would cost the compiler too much");
    assert.match(line, said);
    assert.match(line, /VEDETTE_MODULE_COSTLY/);
    assert.ok(peakMib() - before < GROWTH_MIB_MAX, `the host took ${peakMib() - before} MiB for it`);
    await stillLoads();
    await stillJudges(host, honest);
  });

test("H11: a module whose cost no bound sees ends the process that tries it, not the host", async () => {
  await stillLoads();
  const before = peakMib();
  put("team", "stack", stacked(GOOD, 3_000, 30_000));
  const refused = /policy team\/stack failed.*\n/;
  const [line] = await until("it is refused", () => refused.exec(host.stderr), { tell: () => host.stderr });
  assert.match(line, /team\/stack was lost: it needed more than 512 MiB.*VEDETTE_POLICY_TRIAL/);
  assert.ok(peakMib() - before < GROWTH_MIB_MAX, `the host took ${peakMib() - before} MiB for it`);
  await stillLoads();
  await stillJudges(host, honest);
});

/** Each function is copied twice where the next one calls it: 2^40 copies. */
const doubling = [
  'import { Openat, Priority, rule } from "vedette";',
  "// @ts-ignore",
  "@inline function f0(x: i32): i32 { return x * 3 + 1; }",
  ...Array.from({ length: 40 }, (_, i) =>
    ["// @ts-ignore", `@inline function f${i + 1}(x: i32): i32 { return f${i}(x) + f${i}(x + ${i}); }`].join("\n"),
  ),
  '@rule({ name: "Costly", desc: "d", priority: Priority.Warning, output: "o" })',
  "export function costly(e: Openat): bool { return f40(e.tid as i32) == 7; }",
].join("\n");

test("H32: a source that costs the compiler memory without end ends the compiler, and the version before judges on", async () => {
  await stillLoads();
  const before = peakMib();
  put("team", "grows", GOOD);
  await until("its first version is loaded", () => host.stderr.includes("policy team/grows loaded"));
  rmSync(join(watched, "team/grows/policy.wasm"));
  writeFileSync(join(watched, "team/grows/index.ts"), doubling);
  // Between the two steps above there is no policy in the folder, which fails, too.
  const refused = /compiler failed on .*grows: .*(needed more than 768 MiB|longer than 120 s).*COMPILER_FAILED/;
  await until("it is refused", () => refused.test(host.stderr), { ms: COMPILE_MS_MAX, tell: () => host.stderr });
  assert.ok(peakMib() - before < GROWTH_MIB_MAX, `the host took ${peakMib() - before} MiB for it`);
  assert.ok(host.stderr.includes("policy team/grows loaded") && !host.stderr.includes("policy team/grows removed"));
  await stillLoads();
  await stillJudges(host, honest);
});

test.run();

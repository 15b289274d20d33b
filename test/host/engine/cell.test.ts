// SPDX-License-Identifier: Apache-2.0
// A tenant's own process: it judges what the tenant may see, it has nothing else, and its end is nobody
// else's.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openReader, READERS_MAX } from "../../../host/capture/ring.js";
import { Cell } from "../../../host/engine/cell.js";
import { Feed } from "../../../host/engine/feed.js";
import { jailCommand } from "../../../host/engine/jail.js";
import type { LoadedPolicy, Tenancy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { until } from "../../until.js";
import { batchOf, ENDLESS_AT_99, ENDLESS_INIT, policyOf } from "./shared.js";

const OPEN: Tenancy = {
  tenant: "team",
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
  alerts: { burst: 1000, perMinute: 1000 },
};

class Bench {
  readonly feed = new Feed();
  readonly alerts: Alert[] = [];
  readonly faults: VedetteError[] = [];
  readonly cell: Cell;

  constructor(tenancy: Tenancy = OPEN) {
    this.cell = new Cell({
      tenancy,
      ring: this.feed.ring,
      containers: new Map(),
      onAlert: (alert) => void this.alerts.push(alert),
      onFault: (fault) => void this.faults.push(fault),
      onLog: () => undefined,
    });
  }

  async until(condition: () => boolean): Promise<void> {
    const tell = (): string => this.faults.map((fault) => fault.message).join("; ");
    await until("what the test expects of the cell", condition, { tell });
  }

  get outputs(): string[] {
    return this.alerts.map((alert) => `${alert.policy} ${alert.output.split(" ")[0]}`);
  }
}

const mine = (policy: LoadedPolicy): LoadedPolicy => ({ ...policy, tenancy: OPEN });

/**
 * The processes that run a tenant's policies: children of those that hold them in the jail, which are ours.
 */
function cellPids(): number[] {
  return childrenOf(process.pid).flatMap(childrenOf);
}

function childrenOf(parent: number): number[] {
  const listed = spawnSync("ps", ["-o", "pid=,args=", "--ppid", String(parent)], { encoding: "utf8" }).stdout;
  return listed
    .split("\n")
    .filter((line) => line.includes("cell-child"))
    .map((line) => Number.parseInt(line, 10));
}

test("policies are added, replaced and removed there, between the same batches", async () => {
  const bench = new Bench();
  const id = await bench.cell.add(mine(await policyOf("one")));
  await bench.feed.put(batchOf([-1, 0]));
  await bench.until(() => bench.alerts.length === 1);
  const next = await bench.cell.replace(id, mine(await policyOf("two")));
  await bench.feed.put(batchOf([-1], 3));
  await bench.until(() => bench.alerts.length === 2);
  await bench.until(() => bench.cell.status().length === 1);
  assert.equal(
    bench.cell.status().map((seat) => [seat.policy.name, seat.state]),
    [["two", "judging"]],
  );
  await bench.cell.remove(next);
  await bench.feed.put(batchOf([-1], 4));
  bench.feed.close();
  await bench.cell.finished;
  assert.equal(bench.outputs, ["one 1", "two 3"]);
  assert.is(bench.alerts[0]?.tenant, "team");
  assert.equal(cellPids(), []);
});

test("a policy that cannot start, or loops, is told as in a thread", async () => {
  const bench = new Bench();
  try {
    await bench.cell.add(mine(await policyOf("bad", ...ENDLESS_INIT)));
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_POLICY_INIT", String(error));
  }
  await bench.cell.add(mine(await policyOf("endless", ...ENDLESS_AT_99)));
  await bench.cell.add(mine(await policyOf("good")));
  await bench.feed.put(batchOf([-1, -99]));
  await bench.until(() => bench.faults.length === 1);
  assert.is(bench.faults[0]?.code, "VEDETTE_POLICY_OVERRUN");
  assert.match(bench.faults[0]?.message as string, /endless took longer/);
  bench.feed.close();
  await bench.cell.finished;
  assert.equal(
    bench.outputs.filter((output) => output.startsWith("good")),
    ["good 1", "good 2"],
  );
});

test("a process for which the ring has no place is refused in words", () => {
  const { ring } = new Feed();
  for (let i = 0; i < READERS_MAX; i++) openReader(ring);
  const nothing = (): void => undefined;
  const open = () =>
    new Cell({ tenancy: OPEN, ring, containers: new Map(), onAlert: nothing, onFault: nothing, onLog: nothing });
  assert.throws(
    open,
    (error: VedetteError) => error.code === "VEDETTE_CELL_FULL" && /team: a ring has/.test(error.message),
  );
});

test("the process gets the tenant's view and nothing else", async () => {
  const bench = new Bench({ ...OPEN, scope: { ...OPEN.scope, uids: [5] } });
  await bench.cell.add(mine(await policyOf("one")));
  const builder = new BatchBuilder();
  const own = builder.process({ pid: 1, uid: 5, name: "mine" });
  const other = builder.process({ pid: 2, uid: 6, name: "secret-of-another" });
  for (const process of [other, own])
    builder.record("openat", { process, result: -1, params: { dirfd: -100, name: "x", flags: 0 } });
  await bench.feed.put(openBatch(builder.bytes()));
  await bench.until(() => bench.alerts.length === 1);
  const [pid] = cellPids();
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .filter((line) => / rw-p /.test(line));
  assert.ok(maps.length > 0 && !holdsText(pid as number, maps, "secret-of-another"));
  bench.feed.close();
  await bench.cell.finished;
});

/** Whether a process's memory holds a text. */
function holdsText(pid: number, maps: readonly string[], text: string): boolean {
  const script = `
import sys
with open("/proc/${pid}/mem", "rb", 0) as memory:
  for line in sys.stdin:
    begin, end = (int(part, 16) for part in line.split()[0].split("-"))
    if end - begin > 1 << 28: continue
    try:
      memory.seek(begin)
      if ${JSON.stringify(text)}.encode() in memory.read(end - begin): print("found")
    except OSError: pass
`;
  return spawnSync("python3", ["-c", script], { input: maps.join("\n"), encoding: "utf8" }).stdout.includes("found");
}

test("a process that is killed is told and started again with the same policies", async () => {
  const bench = new Bench();
  await bench.cell.add(mine(await policyOf("one")));
  await bench.feed.put(batchOf([-1]));
  await bench.until(() => bench.alerts.length === 1);
  process.kill(cellPids()[0] as number, "SIGKILL");
  await bench.until(() => bench.faults.some((fault) => fault.code === "VEDETTE_CELL_LOST"));
  let events = 1;
  await bench.until(() => {
    bench.feed.offer(batchOf([-1], ++events));
    return bench.alerts.length >= 2;
  });
  bench.feed.close();
  await bench.cell.finished;
  assert.match(bench.faults[0]?.message as string, /the tenant team ended: SIGKILL/);
});

test("a process that does not keep up is told what it costs, and goes on with what comes then", async () => {
  const bench = new Bench();
  await bench.cell.add(mine(await policyOf("one")));
  const [pid] = cellPids();
  process.kill(pid as number, "SIGSTOP");
  let sent = 0;
  const isBehind = () => bench.faults.some((fault) => fault.code === "VEDETTE_CELL_BEHIND");
  await bench.until(() => {
    for (let i = 0; i < 20; i++) sent += Number(bench.feed.offer(batchOf([-1], sent + 1)));
    return isBehind();
  });
  process.kill(pid as number, "SIGCONT");
  const lost = () =>
    bench.faults.reduce((sum, { message }) => sum + Number(/keep up: (\d+) batches were not/.exec(message)?.[1]), 0);
  bench.feed.close();
  await bench.cell.finished;
  assert.match(bench.faults[0]?.message as string, /^The policies of the tenant team do not keep up/);
  assert.ok(lost() > 0 && bench.alerts.length > 0);
  assert.is(bench.alerts.length + lost(), sent, "each batch was judged, or counted");
});

const CLOSED: readonly (readonly [what: string, code: string])[] = [
  ["read a file", 'await (await import("node:fs/promises")).readFile("/etc/hostname")'],
  ["write a file", '(await import("node:fs")).writeFileSync("/tmp/vedette-cell-probe", "")'],
  [
    "connect",
    'await new Promise((r, j) => require("node:net").connect(9, "127.0.0.1").on("connect", r).on("error", (e) => (e.code === "ECONNREFUSED" ? r() : j(e))))',
  ],
  ["listen", 'await new Promise((r, j) => require("node:net").createServer().listen(0, r).on("error", j))'],
  [
    "send a datagram",
    'await new Promise((r, j) => require("node:dgram").createSocket("udp4").on("error", j).bind(0, r))',
  ],
  ["resolve a name", 'await require("node:dns/promises").resolve4("localhost.example")'],
  ["start a program", 'require("node:child_process").execSync("true")'],
  ["load an addon", 'process.dlopen({ exports: {} }, require("node:path").resolve("build/capture.node"))'],
  ["signal another process", "process.kill(process.ppid, 'SIGCONT')"],
];
for (const [what, code] of CLOSED) {
  test(`what runs there cannot ${what}`, () => {
    const { execPath, execArgv } = jailCommand();
    const source = `const { createRequire } = await import("node:module"); const require = createRequire("${process.cwd()}/build/js/");
      try { ${code}; console.log("open"); } catch (error) { console.log("closed", error.code); } process.exit(0);`;
    const ended = spawnSync(execPath, [...execArgv, "--input-type=module", "-e", source], {
      encoding: "utf8",
      timeout: 90_000,
    });
    assert.match(
      ended.stdout,
      /^closed (ERR_ACCESS_DENIED|ERR_DLOPEN_\w+|EPERM|EAI_\w+|ECONNREFUSED|ETIMEOUT|ENOTFOUND)/,
      ended.stdout + ended.stderr,
    );
  });
}

test.run();

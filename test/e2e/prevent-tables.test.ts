// SPDX-License-Identifier: Apache-2.0
//
// Tables on their way: rows come and go with the watched folder while the workload runs, hold for a tenant's
// own processes only, are there before the first exec, and are counted in `vedette policy status`.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { until } from "../until.js";
import { buildFixture } from "./fixtures.js";
import { ALLOWED, type Alert, DENIED, prevented, type Row } from "./prevention.js";
import { run, scratch, start, VEDETTE } from "./programs.js";

const CALLS = buildFixture("prevent_calls");

function writePolicy(folder: string, prevent: Row[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "policy.yaml"), stringify({ name: "rows", prevent }));
}

test("a policy that is copied in denies, another version of it else, and nothing once it is gone", async () => {
  const folder = scratch();
  const live = join(folder, "policies.d/web/rows");
  mkdirSync(join(folder, "policies.d/web"), { recursive: true });
  const said = join(folder, "said");
  const loop = `while [ ! -e stop ]; do ${CALLS} connect ${DENIED}; ${CALLS} connect ${ALLOWED}; sleep 0.1; done >>${said}`;
  const flags = ["--policies-d", join(folder, "policies.d"), "--control", join(folder, "status")];
  const sensor = start([...VEDETTE, "run", ...flags, "--alerts", join(folder, "alerts"), "--", "sh", "-c", loop], {
    cwd: folder,
    limitMs: 150_000,
  });
  try {
    const last = (): string => (existsSync(said) ? readFileSync(said, "utf8").trim().split("\n").slice(-2).join() : "");
    const row = (to: string): Row => ({ name: "net", deny: "connect", to: [to] });
    await until("both are connected to", () => last() === "connect ok,connect ok");
    writePolicy(live, [row(DENIED)]);
    await until("the one is denied", () => /^connect (EPERM,connect ok|ok,connect EPERM)$/.test(last()));
    writePolicy(live, [row("127.0.0.0/8")]);
    await until("both are denied", () => last() === "connect EPERM,connect EPERM");
    const status = await run([...VEDETTE, "policy", "status", "--json", "--socket", join(folder, "status")]);
    const [mine] = (JSON.parse(status.stdout) as { tenant: string; denied: number; monitored: number }[]).filter(
      ({ tenant }) => tenant === "web",
    );
    assert.ok((mine?.denied ?? 0) > 0, status.stdout);
    rmSync(live, { recursive: true });
    await until("nothing is denied", () => last() === "connect ok,connect ok");
  } finally {
    writeFileSync(join(folder, "stop"), "");
  }
  const ended = await sensor.ended;
  assert.is(ended.status, 0, ended.stderr);
  const alerts = readFileSync(join(folder, "alerts"), "utf8").trim().split("\n");
  assert.ok(alerts.some((line) => (JSON.parse(line) as Alert).rule === "net"));
});

test("a tenant's rows hold for the processes of its scope only", async () => {
  const folder = scratch();
  const tenants = join(folder, "tenants.yaml");
  writePolicy(join(folder, "policies.d/web/rows"), [{ name: "net", deny: "connect", to: [DENIED] }]);
  writePolicy(join(folder, "policies.d/other/rows"), [{ name: "all", deny: "connect", to: ["0.0.0.0/0"] }]);
  copyFileSync(CALLS, join(folder, "theirs"));
  const scopes = {
    web: { scope: { executables: [join(folder, "theirs")] } },
    other: { scope: { containers: ["db"] } },
  };
  writeFileSync(tenants, stringify({ tenants: scopes }));
  const flags = ["--policies-d", join(folder, "policies.d"), "--tenants", tenants];
  const script = `./theirs connect ${DENIED}; ./theirs connect ${ALLOWED}; ${CALLS} connect ${DENIED}`;
  const ended = await run([...VEDETTE, "run", ...flags, "--alerts", "alerts", "--", "sh", "-c", script], {
    cwd: folder,
  });
  assert.is(ended.stdout, "connect EPERM\nconnect ok\nconnect ok\n", ended.stderr);
});

test("the workload's own first program is judged: what may not run does not begin", async () => {
  const folder = scratch();
  const late = join("/dev/shm", `vedette-first-${process.pid}`);
  copyFileSync("/bin/true", late);
  try {
    const { run: ended, alerts } = await prevented([{ name: "image", deny: "exec" }], [late], { cwd: folder });
    assert.is(ended.status, 137, ended.stderr);
    assert.is(alerts[0]?.rule, "image");
  } finally {
    rmSync(late);
  }
});

test.run();

// SPDX-License-Identifier: Apache-2.0
//
// What may not go unnoticed: a guard that is gone or silent (H15), a worker that is dead (H7), and visitors
// who hold connections (H8).
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TaskMetadata } from "../../host/ecs/metadata.js";
import { DEFAULT_ALERT_LIMIT } from "../../host/engine/limiter.js";
import type { Tenancy } from "../../host/engine/policy.js";
import { Agents, Secrets } from "../../host/intake/intake.js";
import type { Alert } from "../../host/output/alert.js";
import { loadPolicies } from "../../host/policy/load.js";
import { Sensor } from "../../host/sensor/sensor.js";
import { until } from "../until.js";
import { HandAgent, openHost, stillJudges } from "./host.js";

/** As many as the first attack held. */
const IDLE = 1_400;

const { folder, host, secret, honest, started, watch: start } = await openHost(test, { hasStatus: true });
const statusSocket = join(folder, "status.sock");

const alertsOf = (rule: string, container: string) =>
  host.alerts.filter((alert) => alert.rule === rule && alert.output_fields["container.name"] === container);

/** A true agent that watches a program which sleeps. */
const watch = (container: string) => start(container, "sleep", "60");

test("H15: an agent that is killed is an alert; one whose workload ends is none", async () => {
  const quiet = start("quiet", "true");
  const killed = watch("killed");
  await until("it is watched", () => host.stderr.includes("watching killed"));
  killed.kill("SIGKILL");
  await until("its alert", () => alertsOf("Agent gone without a word", "killed").length === 1);
  await until("the quiet one has left", () => host.stderr.includes("quiet has left"));
  quiet.kill();
  assert.equal(alertsOf("Agent gone without a word", "quiet"), []);
  assert.is(await host.metric("vedette_agents_gone_total"), 1);
  await stillJudges(host, honest);
});

test("H15: an agent that is stopped is an alert within seconds, one that rests is none, and it is told when it is heard again", async () => {
  const stopped = watch("stopped");
  const resting = watch("resting");
  await until("both are watched", () => /watching stopped/.test(host.stderr) && /watching resting/.test(host.stderr));
  stopped.kill("SIGSTOP");
  await until("its alert", () => alertsOf("Agent silent", "stopped").length === 1);
  stopped.kill("SIGCONT");
  await until("it is heard again", () => host.stderr.includes("stopped is heard again"));
  assert.equal(alertsOf("Agent silent", "resting"), []);
  stopped.kill("SIGKILL");
  resting.kill("SIGKILL");
  await stillJudges(host, honest);
});

test("H15: a connection that breaks and comes back is said and counted, but no alert", async () => {
  const source = Buffer.alloc(16, 0x77);
  const first = await HandAgent.honest(host.socket, { secret, container: "back", source });
  first.close();
  const second = await HandAgent.honest(host.socket, { secret, container: "back", source });
  await until("it is said", () => host.stderr.includes("back is back"));
  assert.equal(alertsOf("Agent gone without a word", "back"), []);
  second.write(second.shadow("backagain"));
  await until("it is judged", () => host.alertsOf("backagain").length === 1);
});

test("H15: under `run`, an agent that is killed ends it with an alert and status 122", async () => {
  const pids = join(folder, "pids");
  writeFileSync(join(folder, "workload.sh"), `echo $PPID > ${pids}; sleep 60`);
  for (const [isKilled, script] of [
    [false, "exit 7"],
    [true, `. ${join(folder, "workload.sh")}`],
  ] as const) {
    const run = spawn(process.execPath, ["build/js/host/main.js", "run", "--", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.push(run);
    let said = "";
    run.stderr.on("data", (text) => {
      said += text;
    });
    const closed = new Promise((done) => run.on("close", done));
    if (isKilled) {
      const agent = await until("the workload runs", () => Number(readOr(pids, "0")));
      process.kill(agent, "SIGKILL");
    }
    assert.is(await closed, isKilled ? 122 : 7, said);
    assert.is(said.includes("Agent gone without a word"), isKilled, said);
  }
});

test("H53: a signal that has Node open its debugger opens none in `serve`", async () => {
  host.child.kill("SIGUSR1");
  // The kernel delivers the signal before the loop that answers goes on.
  for (let i = 0; i < 3; i++) assert.is(await host.health(), 200);
  assert.not.match(host.stderr, /Debugger listening/);
});

test("H7: a worker that dies turns health red, ends the host with a word, and is an alert", async () => {
  const [policy] = await loadPolicies(["policies/credential-access/sensitive-file-read"]);
  for (const isHonest of [true, false]) {
    // No tenants.yaml can hold it: a scope that cannot be matched stands for any bug of ours in a worker.
    const executables = isHonest ? [] : (null as unknown as []);
    const scope = { containers: [], images: [], families: [], uids: [], executables };
    const alerts: Alert[] = [];
    const outputs = {
      write: (alert: Alert) => void alerts.push(alert),
      update: () => undefined,
      tell: () => undefined,
      tellsIncidents: false,
      reopen: () => undefined,
      queues: () => [],
      stats: () => [],
      room: async () => undefined,
      close: async () => 0,
    };
    const tenancy: Tenancy = { tenant: "t", scope, alerts: DEFAULT_ALERT_LIMIT };
    const sensor = await Sensor.open({
      http: "127.0.0.1:0",
      judging: async () => ({ policies: [{ ...policy!, tenancy }], outputs, host: undefined }),
      service: {},
      intake: (handlers, counts) =>
        new Agents(
          { workers: 1, secrets: new Secrets(null), metadata: new TaskMetadata(null), counts, say: handlers.say },
          handlers,
        ),
      say: () => undefined,
      onFault: () => undefined,
    });
    const path = join(folder, `station-${isHonest}`);
    sensor.intake.listen(path);
    sensor.begin();
    const agent = await HandAgent.honest(path, { container: "c" });
    const health = async () => (await fetch(`http://127.0.0.1:${sensor.port}/healthz`)).status;
    assert.is(await health(), 200);
    agent.write(agent.shadow("judged"));
    if (isHonest) {
      await until("its alert", () => alerts.some(({ rule }) => rule === "Sensitive file read"));
      assert.is(await health(), 200);
      agent.close();
      await sensor.intake.drain(100);
      await sensor.finish();
    } else {
      const error = await sensor.failed;
      assert.is(await health(), 503);
      assert.is(error.code, "VEDETTE_STOPPED_JUDGING");
      assert.ok(alerts.some(({ rule }) => rule === "Vedette stopped judging"));
      await until("agents keep the rest for another host", () => agent.isClosed);
    }
    await sensor.close();
  }
});

test("H8: 1,400 idle HTTP connections do not keep /healthz from answering, and cost no more than 64 descriptors", async () => {
  const [address, port] = host.http.split(":") as [string, string];
  const before = host.descriptors;
  const idle = Array.from({ length: IDLE }, () => connect(Number(port), address).on("error", () => undefined));
  await until("all have come", () => idle.every(({ connecting }) => !connecting));
  await stillJudges(host, honest);
  await until("most are closed", () => host.descriptors <= before + 70);
  await stillJudges(host, honest);
  await until("they are closed, whatever they do", () => host.descriptors <= before + 2);
  for (const one of idle) one.destroy();
});

test("H8: clients of the control API that write a byte at a time and read nothing are closed", async () => {
  const before = host.descriptors;
  const clients: Socket[] = Array.from({ length: 100 }, () =>
    connect({ path: statusSocket, allowHalfOpen: true })
      .on("error", () => undefined)
      .pause(),
  );
  const drip = setInterval(() => {
    for (const client of clients) if (client.writable) client.write("x");
  }, 200);
  await until("they are closed", () => host.descriptors <= before + 2);
  clearInterval(drip);
  for (const client of clients) client.destroy();
  await stillJudges(host, honest);
});

function readOr(path: string, other: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return other;
  }
}

test.run();

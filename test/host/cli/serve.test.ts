// SPDX-License-Identifier: Apache-2.0
// `vedette serve` from its start to SIGTERM: it takes an agent, says how it does where it is asked, and takes
// rules that change while it runs, but none that are wrong.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask } from "../../ask.js";
import { AGENT, scratch } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const rulesNamed = (name: string): void =>
  writeFileSync(
    file("rules.yaml"),
    `- {rule: ${name}, desc: d, condition: "evt.type in (open, openat) and fd.name = ${file("nonesuch")}", output: "by %proc.name", priority: WARNING}\n`,
  );
const alerts = (): { rule: string; output_fields: Record<string, unknown> }[] =>
  (existsSync(file("alerts")) ? readFileSync(file("alerts"), "utf8") : "")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const alerted = (rule: string) => until(`an alert of ${rule}`, () => alerts().find((one) => one.rule === rule));
const WORDS = [
  ...["--listen", `unix:${file("host.sock")}`, "--secret-file", file("secret"), "--http", `unix:${file("http.sock")}`],
  ...["--control", file("control"), "--falco-rules", file("rules.yaml"), "--alerts", file("alerts")],
  ...["--evidence", file("evidence"), "--workers", "1", "--log-format", "json"],
];

test("an agent is heard, rules change on SIGHUP, wrong ones are told and not taken, SIGTERM ends with 0", async () => {
  rulesNamed("First");
  const served = typed("serve", ...WORDS);
  await until("it is well", async () => {
    const answer = await ask(file("http.sock"), "/healthz").catch(() => null);
    return answer?.status === 200;
  });
  assert.is((await typed("serve", "--check", "--http", `unix:${file("http.sock")}`)).status, 0);
  const script = `until [ -e ${file("stop")} ]; do cat ${file("nonesuch")}; sleep 0.1; done`;
  const how = ["--host", `unix:${file("host.sock")}`, "--secret-file", file("secret"), "--start", "security"];
  const agent = spawn(AGENT, [...how, "--", "sh", "-c", script], {
    env: { ...process.env, VEDETTE_CONTAINER: "app" },
    stdio: "ignore",
  });
  const gone = new Promise((done) => agent.on("close", done));
  try {
    assert.is((await alerted("First")).output_fields["container.name"], "app");

    const { json: health } = await ask(file("http.sock"), "/api/v1/health");
    assert.is(health.status, "ok");
    const { text } = await ask(file("http.sock"), "/metrics");
    assert.match(text, /^vedette_agents 1$/m);
    assert.match(text, /^vedette_lost_events_total\S* 0$/m);
    const status = await typed("policy", "status", "--json", "--socket", file("control"));
    assert.is(status.status, 0, status.stderr);
    assert.ok(JSON.parse(status.stdout).some(({ alerts: raised }: { alerts: number }) => raised > 0));
    const sensors = await typed("top", "--json", "--socket", file("control"), "--view", "sensors");
    assert.match(sensors.stdout, /"app"/);
    // It counts from when it is asked on: the first table may be empty.
    const processes = async () => (await typed("top", "--json", "--socket", file("control"))).stdout;
    await until("a process", async () => /"command":"(sh|cat|sleep)/.test(await processes()));

    rulesNamed("Second");
    process.emit("SIGHUP", "SIGHUP");
    await alerted("Second");
    writeFileSync(file("rules.yaml"), "- {rule: Third, desc: d, condition: fd.nam = x, output: x, priority: INFO}\n");
    process.emit("SIGHUP", "SIGHUP");
    const told = await until("an alert of what is wrong", () =>
      alerts().find(({ rule }) => !/First|Second/.test(rule)),
    );
    assert.match(JSON.stringify(told), /rules\.yaml/);
    const before = alerts().length;
    await until("it judges by the rules of before", () =>
      alerts()
        .slice(before)
        .some(({ rule }) => rule === "Second"),
    );
  } finally {
    writeFileSync(file("stop"), "");
    await gone;
    process.emit("SIGTERM", "SIGTERM");
    assert.is(await served.then(({ status }) => status), 0);
  }
  for (const socket of ["host.sock", "http.sock", "control"]) assert.not.ok(existsSync(file(socket)), socket);
});

test.run();

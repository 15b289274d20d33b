// SPDX-License-Identifier: Apache-2.0
// A real Prometheus scrapes a sidecar, and shows what the sidecar counts.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HandAgent, Host } from "../attacks/host.js";
import { until } from "../until.js";
import { scratch } from "./programs.js";

const PROMETHEUS = "/usr/bin/prometheus";
const folder = scratch();

async function freePort(): Promise<number> {
  const place = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => place.once("listening", done));
  const { port } = place.address() as AddressInfo;
  await new Promise((done) => place.close(done));
  return port;
}

/** Scrapes that address each second. */
async function prometheusOf(target: string): Promise<{ there: string; child: ChildProcess }> {
  const [port, config] = [await freePort(), join(folder, "prometheus.yml")];
  writeFileSync(
    config,
    `scrape_configs: [{job_name: v, scrape_interval: 1s, static_configs: [{targets: ["${target}"]}]}]\n`,
  );
  const words = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${folder}/tsdb`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  return { there: `http://127.0.0.1:${port}`, child: spawn(PROMETHEUS, words, { stdio: "ignore" }) };
}

if (existsSync(PROMETHEUS))
  test("Prometheus takes what /metrics says, and shows the same numbers", async () => {
    const [at, secret] = [join(folder, "socket"), join(folder, "secret")];
    mkdirSync(at);
    const host = await Host.start(at, ["--secret-file", secret]);
    const agent = await HandAgent.honest(host.socket, {
      secret: readFileSync(secret, "utf8").trim(),
      container: "web",
    });
    agent.write(agent.shadow("reader", { count: 7 }));
    await until("it is judged", () => host.alertsOf("reader").length === 7);
    const { there, child } = await prometheusOf(host.http);
    const value = async (query: string): Promise<number | null> => {
      const answer = await fetch(`${there}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => null);
      if (answer === null || !answer.ok) return null;
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      const [, text] = data.result[0]?.value ?? [];
      return text === undefined ? null : Number(text);
    };
    try {
      await until("it scrapes", async () => (await value("up")) === 1);
      assert.is(await value("vedette_judging"), 1);
      assert.is(await value('sum(vedette_events_total{container="web"})'), 7);
      assert.is(await value("sum(vedette_alerts_total)"), await host.metric("vedette_alerts_total"));
      assert.is(await value('vedette_output_sent_total{output="stdout"}'), 7);
      assert.is(await value("vedette_batch_delay_seconds_count"), 1);
    } finally {
      child.kill("SIGKILL");
      await host.stop();
    }
  });
else console.log("skip: Prometheus scrapes a sidecar: prometheus is missing");

test.run();

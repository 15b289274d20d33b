// SPDX-License-Identifier: Apache-2.0
//
// What a container uses, as its host shows it: a true agent in a control group with a limit, whose workload
// uses that up and lets connections wait; and neighbours of other versions, who have never heard of the word.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HandAgent, Host } from "../attacks/host.js";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { AGENT, endGroup, scratch, start } from "./programs.js";
import { missingForQuota, withQuota } from "./quota.js";

const SHARE = 0.2;
const BACKLOG = 5;
const folder = scratch();
const host = await Host.start(folder);
test.after(() => host.stop());

/** What is shown of a container, as `name` or `name LABEL`. */
async function shown(container: string): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  const samples = text.matchAll(
    /^((?:vedette_)?(?:container|socket)_\w+)\{container="([^"]*)"(?:,\w+="([^"]*)")?\} (\S+)$/gm,
  );
  return Object.fromEntries(
    [...samples].flatMap(([, name = "", of, label, value]) =>
      of === container ? [[label === undefined ? name : `${name} ${label}`, Number(value)] as const] : [],
    ),
  );
}

/** Listens and never accepts, has clients that wait there, and works without end. */
const workload = (port: number, clients: number): string => `
  const { createServer, connect } = require("node:net");
  createServer().listen({ port: ${port}, host: "127.0.0.1", backlog: ${BACKLOG} }, () => {
    const { Worker } = require("node:worker_threads");
    new Worker('const { connect } = require("node:net"); for (let i = 0; i < ${clients}; i++) connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000);', { eval: true });
    for (;;);
  });`;

test("processor, throttling, descriptors and a queue of connections are what the kernel says", async () => {
  const missing = missingForQuota();
  if (missing !== null) return console.log(`skip: ${missing} is missing`);
  const port = await freePort();
  await withQuota(SHARE, async (narrow) => {
    const words = ["--host", `unix:${host.socket}`, "--", process.execPath, "-e", workload(port, 3)];
    const { child, ended } = start(narrow([AGENT, ...words]), { env: { VEDETTE_CONTAINER: "app" } });
    try {
      let found: Record<string, number> = {};
      const hasWaiting = async (): Promise<boolean> => {
        found = await shown("app");
        return found[`vedette_socket_backlog_usage ${port}`] === 3;
      };
      await until("three connections wait", hasWaiting, { everyMs: 200, tell: () => JSON.stringify(found) });
      assert.is(found.vedette_container_cpu_limit, SHARE);
      assert.is(found[`vedette_socket_backlog_limit ${port}`], BACKLOG);
      const throttled = found.vedette_container_cpu_throttled_periods_total ?? 0;
      const periods = found.vedette_container_cpu_periods_total ?? 0;
      assert.ok(throttled > 0 && throttled <= periods, `${throttled} of ${periods}`);
      assert.ok((found.vedette_container_cpu_throttled_seconds_total ?? 0) > 0, "time of that");
      for (const name of [
        "container_cpu_time_seconds_total user",
        "vedette_container_threads",
        "vedette_container_descriptors",
      ])
        assert.ok((found[name] ?? 0) > 0, `${name}: ${found[name]}`);
      const { vedette_container_descriptors_utilization: share = -1 } = found;
      assert.ok(share >= 0 && share <= 1, `${share}`);
    } finally {
      endGroup(child.pid);
      await ended;
      await until("the group is empty", async () => Object.keys(await shown("app")).length === 0);
    }
  });
});

test("an older agent does not know the question: it is heard, and nothing is shown of it", async () => {
  const agent = await HandAgent.honest(host.socket, { container: "older" });
  assert.ok(agent.heard.includes("usage"), "it was asked");
  agent.write(agent.shadow("older"));
  await until("it is judged", () => host.alertsOf("older").length > 0);
  assert.equal(await shown("older"), {});
  agent.close();
});

test.run();

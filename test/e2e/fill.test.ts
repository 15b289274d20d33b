// SPDX-License-Identifier: Apache-2.0
//
// How full an agent is, as its host shows it: a true agent under load, one that is gone, and neighbours of
// other versions, who have never heard of the word.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HandAgent, Host } from "../attacks/host.js";
import { DeafHost } from "../lab/deaf-host.js";
import { until } from "../until.js";
import { AGENT, run, scratch, start } from "./programs.js";

const SPOOL = 2 << 20;
const GAUGES = ["spool_usage", "spool_limit", "rings_usage", "rings_limit"];
const folder = scratch();
const host = await Host.start(folder);
test.after(() => host.stop());

/** What is shown of this container, by gauge. */
async function shown(container: string): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  const label = `{container="${container}"} `;
  return Object.fromEntries(
    GAUGES.flatMap((gauge) => {
      const at = text.indexOf(`\nvedette_agent_${gauge}_bytes${label}`);
      return at < 0 ? [] : [[gauge, Number(text.slice(text.indexOf(label, at) + label.length).split("\n")[0])]];
    }),
  );
}

test("an agent says how full its spool and its rings are, and of one that is gone nothing is shown", async () => {
  const words = ["--host", `unix:${host.socket}`, "--spool", String(SPOOL), "--"];
  const { child, ended } = start([AGENT, ...words, "dd", "if=/dev/zero", "of=/dev/null", "bs=1"], {
    env: { VEDETTE_CONTAINER: "app" },
  });
  await until("both fill up at times", async () => {
    const { spool_usage = 0, rings_usage = 0 } = await shown("app");
    return spool_usage > 0 && rings_usage > 0;
  });
  const { spool_limit, rings_limit = 0, rings_usage = 0 } = await shown("app");
  assert.is(spool_limit, SPOOL);
  assert.ok(rings_limit > 0 && rings_usage <= rings_limit, `${rings_usage} of ${rings_limit}`);
  child.kill("SIGTERM");
  await ended;
  await until("nothing is shown of it", async () => Object.keys(await shown("app")).length === 0);
});

test("an older agent does not know the question: it is heard, and nothing is shown of it", async () => {
  const agent = await HandAgent.honest(host.socket, { container: "older" });
  assert.ok(agent.heard.includes("fill"), "it was asked");
  agent.write(agent.shadow("older"));
  await until("it is judged", () => host.alertsOf("older").length > 0);
  assert.equal(await shown("older"), {});
  agent.close();
});

test("an older host does not ask: the agent says nothing that it would not understand", async () => {
  const path = join(folder, "older.sock");
  const older = new DeafHost(path, { reads: true, acknowledges: true }); // ends with an error at any other word
  const { status, stderr } = await run([AGENT, "--host", `unix:${path}`, "--", "sh", "-c", "sleep 1.5; exit 3"]);
  older.close();
  assert.equal([status, stderr], [3, ""]);
  assert.ok(older.end !== null && older.batches.length > 0);
});

test.run();

// SPDX-License-Identifier: Apache-2.0
//
// An agent that lies about how full it is (H38): in a neighbour's name, with numbers that are none, without
// end. The honest control says its own numbers all the while, and its alerts come.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { fill, HandAgent, openHost, stillJudges } from "./host.js";

const FLOOD = 200_000;
const AT_ONCE = 1_000;
const MORE_MIB = 100;
const { host, own, honest } = await openHost(test, { named: ["shop", "till"] });

/** All samples of the gauges, as they stand. */
async function samples(): Promise<string[]> {
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith("vedette_agent_"));
}

test("H38: an agent tells of its own container alone, whatever it says and however often", async () => {
  const till = await HandAgent.honest(host.socket, { secret: own.get("till")!, container: "till" });
  till.write(fill(7, 16, 3, 8));
  const isTold = (all: string[]) => all.includes('vedette_agent_spool_usage_bytes{container="till"} 7');
  await until("the neighbour's numbers are shown", async () => isTold(await samples()));
  const liar = await HandAgent.honest(host.socket, { secret: own.get("shop")!, container: "shop" });
  const before = host.ownMib;
  const flood = Array.from({ length: AT_ONCE }, (_, i) => fill(i, 2n ** 64n - 1n, i, 2n ** 63n));
  for (let sent = 0; sent < FLOOD; sent += AT_ONCE) {
    liar.write(...flood);
    if (liar.isBlocked) await until("it has room", () => !liar.isBlocked);
  }
  liar.write(liar.shadow("after-flood"));
  await until("what came after is judged", () => host.alertsOf("after-flood").length > 0);
  const all = await samples();
  assert.ok(isTold(all), all.join("\n"));
  assert.is(all.length, 2 * 4, "a number for each gauge and container");
  assert.ok(all.every((line) => /\{container="(shop|till)"\} \d/.test(line)));
  assert.ok(host.ownMib - before < MORE_MIB, `${before} MiB before, ${host.ownMib} after`);
  liar.close();
  till.close();
  await until("nothing stays of who is gone", async () => (await samples()).length === 0);
  await stillJudges(host, honest);
});

test("H38: a word that does not read ends its own stream", async () => {
  for (const words of [
    ["fill"],
    ["fill", 1, 2, 3],
    ["fill", "a", 1, 1, 1],
    ["fill", -1, 1, 1, 1],
    ["fill", 1, 1, 1, 0.5],
  ]) {
    const agent = await HandAgent.honest(host.socket, { secret: own.get("shop")!, container: "shop" });
    agent.write(fill(...words.slice(1)));
    await until(`${words} is refused`, () => agent.isClosed);
  }
  assert.equal(await samples(), []);
  await stillJudges(host, honest);
});

test.run();

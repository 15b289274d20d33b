// SPDX-License-Identifier: Apache-2.0
//
// An agent that lies about what its container uses (H93): in a neighbour's name, with amounts that are none,
// without end. The honest control says its own numbers all the while, and its alerts come.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { HandAgent, openHost, stillJudges, usage } from "./host.js";

const FLOOD = 50_000;
const AT_ONCE = 500;
const MORE_MIB = 100;
const { host, own, honest } = await openHost(test, { named: ["shop", "till"] });

/** All samples of containers and their sockets, as they stand. */
async function samples(): Promise<string[]> {
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  return text.split("\n").filter((line) => /^(vedette_)?(container|socket)_/.test(line));
}

test("H93: an agent tells of its own container alone, whatever it says and however often", async () => {
  const till = await HandAgent.honest(host.socket, { secret: own.get("till")!, container: "till" });
  till.write(usage({ memory: 7 }, [[80, 1, 2]]));
  const tills = [
    'container_memory_usage_bytes{container="till"} 7',
    'vedette_socket_backlog_limit{container="till",server_port="80"} 2',
    'vedette_socket_backlog_usage{container="till",server_port="80"} 1',
  ];
  await until("the neighbour's numbers are shown", async () => (await samples()).length === tills.length);
  assert.equal((await samples()).sort(), tills);
  const liar = await HandAgent.honest(host.socket, { secret: own.get("shop")!, container: "shop" });
  const before = host.ownMib;
  const ports = Array.from({ length: 1_000 }, (_, i) => [i + 1, i, i]);
  const flood = Array.from({ length: AT_ONCE }, (_, i) =>
    usage({ memory: i, cpu_user_us: 2n ** 64n - 1n, container: "till", __proto__: 1, constructor: 1 }, ports),
  );
  for (let sent = 0; sent < FLOOD; sent += AT_ONCE) {
    liar.write(...flood);
    if (liar.isBlocked) await until("it has room", () => !liar.isBlocked);
  }
  liar.write(liar.shadow("after-flood"));
  await until("what came after is judged", () => host.alertsOf("after-flood").length > 0);
  const all = await samples();
  const tillsNow = all.filter((line) => line.includes('container="till"')).sort();
  assert.equal(tillsNow, tills, "the neighbour's numbers are its own");
  assert.is(all.length - tills.length, 2 + 2 * 64, "a number for each amount, and two for each of 64 sockets");
  assert.ok(host.ownMib - before < MORE_MIB, `${before} MiB before, ${host.ownMib} after`);
  liar.close();
  till.close();
  await until("nothing stays of who is gone", async () => (await samples()).length === 0);
  await stillJudges(host, honest);
});

test("H93: a word that does not read ends its own stream", async () => {
  for (const words of [
    [],
    [{}],
    [[], {}],
    [null, []],
    [{ memory: "a" }, []],
    [{ memory: -1 }, []],
    [{ memory: 0.5 }, []],
    [{}, [80]],
    [{}, [[80, 1]]],
    [{}, [[65_536, 1, 1]]],
  ]) {
    const agent = await HandAgent.honest(host.socket, { secret: own.get("shop")!, container: "shop" });
    agent.write(usage(...words));
    await until(`${JSON.stringify(words)} is refused`, () => agent.isClosed);
  }
  assert.equal(await samples(), []);
  await stillJudges(host, honest);
});

test.run();

// SPDX-License-Identifier: Apache-2.0
// A pool of judges: what tasks forward is judged once, and each finding is in the store once, with the name
// that the task's own sidecar gives it, whatever is killed or stopped meanwhile. With Debian's nats-server
// and PostgreSQL, and `vedette judge` as it is installed.
// Time limit: 300 s.
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicies } from "../../../host/policy/load.js";
import { openTenant } from "../../../host/policy/tenants.js";
import { scratch } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { inFleet, PARTITIONS, policy } from "./fleet.js";
import { expectedIds, expectedOf, ForwardedAgent } from "./forwarded.js";

/** Between two rounds of a load that goes on meanwhile. */
const PACE_MS = 50;

test(
  "what eight tasks forward is judged once, and a host that is ended in order loses and repeats nothing",
  inFleet(async (fleet) => {
    await fleet.load(5);
    const first = await fleet.host();
    await fleet.settle();
    first.kill("SIGTERM");
    assert.equal(await once(first, "exit"), [0, null], fleet.said);
    await fleet.load(3);
    await fleet.host();
    await fleet.settle();
  }),
);

test(
  "hosts share the partitions, and one that is killed, one that is frozen, the bus and the database lose and repeat nothing",
  inFleet(async (fleet) => {
    await fleet.load(1);
    const [first, second] = [await fleet.host(), await fleet.host()];
    await fleet.shared(2);
    const whileLoaded = async (work: () => Promise<void>): Promise<void> => {
      let isOver = false;
      const working = work().finally(() => (isOver = true));
      for (; !isOver; await sleep(PACE_MS)) await fleet.load(1);
      await working;
    };
    await whileLoaded(async () => {
      first.kill("SIGKILL");
      await once(first, "exit");
      await fleet.owned(1);
    });
    const third = await fleet.host();
    await fleet.shared(2);
    second.kill("SIGSTOP");
    await whileLoaded(() => fleet.owned(1));
    second.kill("SIGCONT");
    await fleet.shared(2);
    await whileLoaded(async () => {
      await fleet.nats.kill();
      await fleet.nats.resume();
    });
    await fleet.database.kill("SIGSTOP");
    await fleet.load(3);
    await fleet.database.kill("SIGCONT");
    await fleet.database.kill();
    await fleet.load(3);
    await fleet.database.resume();
    await fleet.shared(2);
    await fleet.settle();
    third.kill("SIGTERM");
    assert.equal(await once(third, "exit"), [0, null], fleet.said);
    console.log(`${fleet.agents[0]!.batches.length * 8} batches of 8 tasks`);
  }),
);

test(
  "a host that takes the partitions of a killed one counts each",
  inFleet(async (fleet) => {
    const first = await fleet.host();
    await fleet.host();
    await fleet.shared(2);
    first.kill("SIGKILL");
    await fleet.owned(1);
    // Two of events; of facts as many as the killed host had by then.
    let said = "";
    const isCounted = async (): Promise<boolean> => {
      said = await fleet.health("/metrics");
      return Number(/^vedette_pool_takeovers_total (\d+)$/m.exec(said)?.[1]) >= 2;
    };
    await until("both are counted", isCounted, { everyMs: 100, tell: () => said });
  }),
);

test(
  "H85: a tenant's policies of --policies-d judge its own tasks in every partition, and a new version goes on with its memory",
  inFleet(async (fleet) => {
    const folder = scratch();
    const [watched, file, alerts] = ["policies.d", "tenants.yaml", "red.json"].map((name) => join(folder, name));
    const own = join(watched!, "red", "counting");
    cpSync(policy, own, { recursive: true });
    writeFileSync(file!, JSON.stringify({ tenants: { red: { alerts, limits: { alert_burst: 5000 } }, blue: {} } }));
    const agents = ["red", "red", "blue"].map((tenant, i) => new ForwardedAgent(20 + i, PARTITIONS, tenant));
    const send = async (): Promise<void> => {
      for (const agent of agents) await fleet.send(agent, agent.block(agent.make(3)));
    };
    const { tenancy } = openTenant("red");
    const loaded = (await loadPolicies([policy])).map((one) => ({ ...one, tenancy }));
    const ofRed = (): Promise<string[]> => expectedOf(loaded, agents.slice(0, 2));
    const all = async (): Promise<string[]> => [...(await expectedIds(policy, agents)), ...(await ofRed())].sort();
    await send();
    const host = await fleet.host("--policies-d", watched!, "--tenants", file!);
    await fleet.stores(await all());
    const yaml = join(own, "policy.yaml");
    writeFileSync(yaml, readFileSync(yaml, "utf8").replace("1.0.0", "2.0.0"));
    await until("the new version judges", () => fleet.said.includes("policy red/counting replaced"), {
      tell: () => fleet.said,
    });
    await send();
    await fleet.stores(await all());
    host.kill("SIGTERM");
    assert.equal(await once(host, "exit"), [0, null], fleet.said);
    const told = readFileSync(alerts!, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).output);
    assert.is(told.length, (await ofRed()).length, "red's file has what red's policy found, and nothing else");
    assert.not.match(fleet.said, /begins with no memory/);
  }),
);

test(
  "a host that cannot reach the bus or the store is unhealthy and says why, until it can",
  inFleet(async (fleet) => {
    await fleet.load(1);
    await fleet.host();
    await fleet.settle();
    await fleet.says(/^200 ok$/);
    await fleet.nats.kill();
    await fleet.says(/^503 the bus has not answered for \d+ s$/);
    assert.match(await fleet.health("/api/v1/health"), /^503 .*"problem": "the bus has not answered/s);
    await fleet.nats.resume();
    await fleet.says(/^200 ok$/);
    await fleet.database.kill("SIGSTOP");
    await fleet.load(1);
    await fleet.says(/^503 the store has taken nothing for \d+ s$/);
    await fleet.database.kill("SIGCONT");
    await fleet.says(/^200 ok$/);
    await fleet.settle();
  }),
);

test.run();

// SPDX-License-Identifier: Apache-2.0
// Facts that sidecars tell: they meet those of other tasks in the pool, and what does not get to the bus is
// counted. With Debian's nats-server and PostgreSQL, `vedette judge` and `vedette serve` as installed.
// Time limit: 300 s.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ToldFacts } from "../../../host/engine/fact.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { BusFailure } from "../../../host/fleet/bus.js";
import { FactTeller, type FactTellerOptions, WAITING_BYTES_MAX } from "../../../host/fleet/fact-teller.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { openTenant } from "../../../host/policy/tenants.js";
import { scratch } from "../../e2e/programs.js";
import { serve } from "../../e2e/serving.js";
import { until } from "../../until.js";
import { NatsServer } from "../output/nats-server.js";
import { type Fleet, inFleet, PARTITIONS } from "./fleet.js";
import { tellingPolicy } from "./told.js";

const telling = tellingPolicy(2);
const policy = { name: "telling" } as LoadedPolicy;
const BY = { hostname: "h", facts: null };

const told = (seq: number, count = 1, value = ""): ToldFacts => ({
  ...{ source: "ab".repeat(16), seq, dropped: 0 },
  facts: Array.from({ length: count }, (_, i) => ({
    ...{ kind: "file", key: `/x${i}`, value, num: i, time: 1n, tid: 9, process: null },
  })),
});

/** One whose bus does as `publish` says. */
function tellerOn(publish: () => Promise<number>, more: Partial<FactTellerOptions> = {}) {
  const said: string[] = [];
  const bus = { publish, ensure: async () => undefined };
  const say = (line: string): void => void said.push(line);
  return { said, teller: new FactTeller({ bus, partitions: 1, tenant: "red", task: "a", say, ...more }) };
}

test("while the bus is away, facts wait within a bound; what has no room, and what is left at the end, is counted", async () => {
  const { teller, said } = tellerOn(() => Promise.reject(new BusFailure("away", "it is away")));
  const value = "v".repeat(1_000);
  const enough = Math.ceil(WAITING_BYTES_MAX / (100 * value.length));
  for (let seq = 0; seq < enough + 5; seq++) teller.tell(policy, told(seq, 100, value), BY);
  await teller.finish(50);
  const { facts, dropped, problem } = teller.stats;
  assert.is(facts, (enough + 5) * 100);
  assert.ok(dropped >= 500 && dropped < facts, `${dropped} of ${facts} had no room`);
  assert.is(problem, "facts do not reach the bus: it is away");
  teller.close();
  assert.is(teller.stats.dropped, facts);
  const words = [problem, "facts are dropped: too many wait for the bus", `${facts - dropped} facts could not be sent`];
  assert.equal(said.sort(), words.sort());
});

test("H83: a sidecar tells facts of the operator's policies and of its own tenant's, and of no other tenant's", async () => {
  let published = 0;
  const { teller, said } = tellerOn(async () => ++published);
  const of = (tenant: string): LoadedPolicy => ({ ...policy, tenancy: openTenant(tenant).tenancy });
  for (const one of [policy, of("red"), of("blue"), of("blue")]) teller.tell(one, told(1), BY);
  await teller.finish(5_000);
  assert.equal([published, teller.stats.facts, teller.stats.dropped], [2, 4, 2]);
  assert.equal(said, ["facts of tenant blue are not told: this task is of another (--bus-tenant)"]);
  teller.close();
});

test("H78: a task's credentials tell facts of that task alone, and what the bus refuses is counted", async () => {
  const user = (name: string) =>
    `{user: ${name}, password: p, permissions: {publish: ["vd.f.*.*.${name}"], subscribe: ["_INBOX.>"]}}`;
  const users = [`{user: admin, password: p}`, user("mine"), user("other")];
  const nats = await NatsServer.start(`authorization: {users: [${users.join(", ")}]}\n`, { user: "admin", pass: "p" });
  try {
    await nats.stream("VF_0", ["vd.f.*.0.*"]);
    for (const [name, stored, dropped] of [
      ["other", 0, 1],
      ["mine", 1, 0],
    ] as const) {
      const bus = new NatsBus({ url: nats.url, user: name, password: "p" });
      const said: string[] = [];
      const say = (line: string): void => void said.push(line);
      const teller = new FactTeller({ bus, partitions: 1, tenant: "red", task: "mine", say });
      teller.tell(policy, told(1), BY);
      await teller.finish(10_000);
      assert.equal([await nats.count("VF_0"), teller.stats.dropped], [stored, dropped], said.join());
      if (dropped > 0) assert.is(said.join(), "facts are given up: we may not publish on this subject");
      teller.close();
      await bus.close();
    }
  } finally {
    await nats.end();
  }
});

/** A sidecar of a task of its own: where there is no ECS, that is the host. */
const sidecar = (fleet: Fleet, task: string, ...more: string[]) => {
  const folder = scratch();
  const wrapper = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', task];
  const bus = ["--bus", fleet.nats.url, "--partitions", String(PARTITIONS)];
  const words = [...bus, "--policy", telling, "--alerts", join(folder, "alerts"), ...more];
  return serve(folder, words, { wrapper });
};

async function shared(fleet: Fleet): Promise<string[]> {
  const rows = await fleet.database.sql(fleet.place, "SELECT doc FROM vedette.finding").catch(() => []);
  const docs = rows.map(({ doc }) => doc as unknown as { alert: { rule: string; output: string } });
  return docs.filter(({ alert }) => alert.rule === "Shared").map(({ alert }) => alert.output.split(" ")[2] ?? "");
}

test(
  "what two sidecars tell of one file is one finding of the pool; with --forward all the pool tells it",
  inFleet(async (fleet) => {
    await fleet.host("--policy", telling);
    const first = await sidecar(fleet, "task-1");
    await first.watches("cat /etc/hostname /etc/os-release > /dev/null");
    const second = await sidecar(fleet, "task-2");
    await second.watches("cat /etc/hostname > /dev/null; cat /etc/hostname > /dev/null");
    const third = await sidecar(fleet, "task-3", "--forward", "all");
    await third.watches("cat /etc/os-release > /dev/null");
    const isTold = async (name: string): Promise<boolean> => (await shared(fleet)).includes(name);
    const tell = (): string => `${fleet.said}${first.said()}${second.said()}`;
    for (const name of ["/etc/hostname", "/etc/os-release"])
      await until(`${name} is told`, () => isTold(name), { everyMs: 200, tell });
    const names = await shared(fleet);
    assert.is(new Set(names).size, names.length, `each once: ${names}`);
    for (const one of [first, second]) {
      const { text } = await one.page("/metrics");
      assert.match(text, /^vedette_forward_facts_total [1-9]/m);
      assert.match(text, /^vedette_forward_facts_dropped_total 0$/m);
    }
    assert.not.match((await third.page("/metrics")).text, /vedette_forward_facts/);
    for (const one of [first, second, third]) assert.is((await one.end()).status, 0, one.said());
  }),
);

test.run();

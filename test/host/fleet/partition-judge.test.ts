// SPDX-License-Identifier: Apache-2.0
// One partition's judge: what it reads twice, what it misses, what it cannot read, what ends its host, and
// what it may still write once the partition is another's. The bus is in memory.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { forwardedTime } from "../../../host/engine/limiter.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { until } from "../../until.js";
import { countingPolicy, expectedIds, ForwardedAgent } from "./forwarded.js";
import { MemoryBus } from "./memory-bus.js";
import { PartitionPlace } from "./partition-place.js";

const policy = countingPolicy();
const policies = await loadPolicies([policy]);

test("batches that come twice, also cut anew, are judged once; those that never come are counted", async () => {
  const place = new PartitionPlace(policies);
  const agent = new ForwardedAgent(0, 1);
  const owner = place.owner();
  const [one, two, three, four] = agent.make(4) as [never, never, never, never];
  await place.send(agent, agent.block([one, two]));
  await place.send(agent, agent.block([one, two]));
  await place.send(agent, agent.block([two, three, four]));
  await place.committed();
  assert.equal([...place.ids].sort(), await expectedIds(policy, [agent]));
  assert.equal([place.counts.read().duplicates, place.counts.read().lost.hole], [3, 0]);
  const [, , seven] = agent.make(3);
  await place.send(agent, agent.block([seven!]));
  await place.committed();
  assert.equal(place.counts.read().lost, { bus: 0, poison: 0, hole: 40 });
  await owner.giveBack(10_000);
  assert.is(place.row?.seq, 4);
});

test("H70: a block that says another tenant or task than its subject is refused and counted", async () => {
  const place = new PartitionPlace(policies);
  const [agent, other] = [new ForwardedAgent(0, 1), new ForwardedAgent(1, 1)];
  const owner = place.owner();
  await place.send(agent, agent.block(agent.make(1), { taskArn: agent.task }));
  const batches = other.make(1);
  await place.send(other, other.block(batches, { task: agent.task }));
  await place.send(other, other.block(batches, { tenant: "others" }));
  await place.send(other, other.block(batches, { taskArn: agent.task }));
  await place.send(other, other.block(batches), agent.subject);
  await place.committed();
  assert.equal([...place.ids].sort(), await expectedIds(policy, [agent]));
  assert.is(place.counts.read().refused, 4);
  assert.is(place.said.filter((line) => line.includes("is refused")).length, 3, "each reason is told once");
  await owner.giveBack(10_000);
});

test("H71: a block that cannot be read is counted and passed over, and what it held is counted with the next", async () => {
  const place = new PartitionPlace(policies);
  const agent = new ForwardedAgent(0, 1);
  const owner = place.owner();
  await place.send(agent);
  const broken = agent.block(agent.make(2));
  broken[broken.length - 1]! ^= 1;
  await place.send(agent, broken);
  await place.send(agent, Buffer.from("no block"));
  await place.send(agent);
  await place.committed();
  const { poison, lost } = place.counts.read();
  assert.equal([poison, lost.poison, lost.hole], [2, 40, 0]);
  assert.is(place.said.length, 1, place.said.join("\n"));
  await owner.giveBack(10_000);
});

test("H72: a block that ends each host that judges it is put aside, and the others are judged", async () => {
  const place = new PartitionPlace(policies);
  const [agent, other] = [new ForwardedAgent(0, 1), new ForwardedAgent(1, 1)];
  await place.send(agent);
  await place.send(other);
  await place.send(agent);
  const isPoison = (seq: number) => seq === 2;
  // As a host that ends in the middle: nothing of it is written any more.
  let ends = 0;
  for (; place.row?.seq !== 3 && ends < 20; ends++) {
    const end = new AbortController();
    const read = place.bus.read.bind(place.bus);
    const bus = Object.assign(new MemoryBus(), {
      publish: (subject: string, body: Uint8Array) => place.bus.publish(subject, body),
      edges: () => place.bus.edges(),
      read: async function* (...asked: Parameters<MemoryBus["read"]>) {
        for await (const message of read(...asked)) {
          const body = isPoison(message.seq)
            ? new Proxy(message.body, {
                get: () => {
                  end.abort();
                  owner.drop();
                  throw new Error("the host ends");
                },
              })
            : message.body;
          yield { ...message, body };
        }
      },
    });
    const owner = place.owner({ bus, commit: { everyMs: 1_000, bytes: 1 << 30 } });
    await until("it ends, or is through", () => end.signal.aborted || (place.row?.seq ?? 0) >= 3);
    if (!end.signal.aborted) await owner.giveBack(10_000);
  }
  assert.is(place.row?.seq, 3);
  assert.is(place.bus.messages.at(-1)?.subject, "vd.dead.0");
  assert.is(place.counts.read().poison, 1);
  console.log(`after ${ends} hosts`);
});

test("H73: who has lost the partition and does not know it commits nothing, and doubles nothing", async () => {
  const place = new PartitionPlace(policies);
  const agent = new ForwardedAgent(0, 1);
  const zombie = place.owner({ commit: { everyMs: 600_000, bytes: 1 << 30 } });
  await place.send(agent);
  await until("it has judged", () => place.ids.length > 0);
  const owner = place.owner();
  await place.committed();
  const row = place.row;
  await zombie.giveBack(10_000);
  assert.equal(place.row, row);
  assert.equal([...new Set(place.ids)].sort(), await expectedIds(policy, [agent]));
  await owner.giveBack(10_000);
});

test("H74: times that an agent makes up fill the limits of its alerts with two hours' at most", () => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const hour = 3_600_000_000_000n;
  assert.ok(forwardedTime(now + 100n * hour) <= BigInt(Date.now()) * 1_000_000n);
  assert.ok(forwardedTime(0n) >= now - 2n * hour);
  assert.is(forwardedTime(now - hour), now - hour);
});

test("H82: who knows another task's agent and sends ahead of it in its name keeps no event of it from being judged", async () => {
  const place = new PartitionPlace(policies);
  const [agent, attacker] = [new ForwardedAgent(0, 1), new ForwardedAgent(1, 1)];
  const owner = place.owner();
  await place.send(agent);
  const ahead = new ForwardedAgent(0, 1);
  const [, , , , far] = ahead.make(5);
  await place.send(attacker, ahead.block([far!], { task: attacker.task, taskArn: attacker.task }), attacker.subject);
  await place.send(agent);
  await place.send(agent);
  await place.committed();
  const { duplicates, refused } = place.counts.read();
  assert.equal([duplicates, refused], [0, 0]);
  const ids = new Set(place.ids);
  for (const id of await expectedIds(policy, [agent])) assert.ok(ids.has(id), id);
  await owner.giveBack(10_000);
});

test("what policies remember goes on with the next owner, exactly where the last one stood", async () => {
  const place = new PartitionPlace(policies);
  const agents = Array.from({ length: 3 }, (_, number) => new ForwardedAgent(number, 1));
  for (let round = 0; round < 6; round++) {
    const owner = place.owner();
    for (const agent of agents) await place.send(agent, agent.block(agent.make(1)));
    if (round % 2 === 0) await owner.giveBack(10_000);
    else {
      await place.committed();
      owner.drop();
    }
  }
  const last = place.owner();
  await place.committed();
  assert.equal([...new Set(place.ids)].sort(), await expectedIds(policy, agents));
  await last.giveBack(10_000);
});

test.run();

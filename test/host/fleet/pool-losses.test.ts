// SPDX-License-Identifier: Apache-2.0
// What a pool of real hosts does where a block ends each process that judges it, and where the bus dropped
// blocks before they were read. With Debian's nats-server and PostgreSQL.
// Time limit: 300 s.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { type Fleet, inFleet, PARTITIONS, policy } from "./fleet.js";
import { expectedIds, ForwardedAgent } from "./forwarded.js";

/** What the host says of itself. */
async function told(fleet: Fleet): Promise<{
  blocks: number;
  events: number;
  poison: number;
  lostBlocks: number;
  lost: Record<string, number>;
}> {
  const text = await fleet.health("/api/v1/health");
  return JSON.parse(text.slice(text.indexOf("{")));
}

const MARK = "ends-the-process";
/** Stands for a bug that no exception shows: who unpacks a block with the mark is killed. */
const BUG = `import { createRequire, syncBuiltinESMExports } from "node:module";
const zlib = createRequire(import.meta.url)("node:zlib");
const { inflateRawSync } = zlib;
zlib.inflateRawSync = (...given) => {
  const raw = inflateRawSync(...given);
  if (raw.subarray(0, 512).includes("${MARK}")) process.kill(process.pid, "SIGKILL");
  return raw;
};
syncBuiltinESMExports();
`;

test(
  "H72: a block that ends the process of each host that judges it is put aside, and all others are judged once",
  inFleet(async (fleet) => {
    const bug = join(scratch(), "bug.mjs");
    writeFileSync(bug, BUG);
    const poisonous = new ForwardedAgent(90, PARTITIONS, MARK);
    await fleet.load(1);
    const poison = poisonous.block(poisonous.make(1));
    await fleet.send(poisonous, poison);
    await fleet.load(1);
    const dead = async (): Promise<string[]> =>
      (await fleet.nats.stored("VB_DEAD").catch(() => [])).map(({ subject }) => subject);
    let ended = 0;
    for (let isAside = false; !isAside && ended < 10; ) {
      const host = await fleet.hostIn({ NODE_OPTIONS: `--import=${bug}` });
      await until(
        "it ends, or the block is aside",
        async () => {
          isAside = (await dead()).length > 0;
          return isAside || host.signalCode !== null;
        },
        { everyMs: 100, tell: () => fleet.said },
      );
      if (!isAside) ended++;
    }
    await fleet.settle();
    assert.equal(await dead(), [`vd.dead.${poisonous.stream.slice(3)}`]);
    assert.is(ended, 4, "two that did not get on, and two that judged it alone");
    assert.is((await told(fleet)).poison, 1);
    await fleet.load(1);
    await fleet.settle();
  }),
);

test(
  "blocks that the bus dropped before they were read are counted to the event, and what is there is judged",
  inFleet(async (fleet) => {
    const agents = [new ForwardedAgent(0, 1), new ForwardedAgent(1, 1)];
    const [agent] = agents as [ForwardedAgent];
    const own = ["--partitions", "1"];
    await fleet.nats.stream(agent.stream, ["vd.b.*.0.*"], { max_msgs: 6 });
    const first = await fleet.host(...own);
    for (const one of agents) await fleet.send(one, one.block(one.make(2)));
    await fleet.stores(await expectedIds(policy, agents));
    first.kill("SIGTERM");
    assert.equal(await once(first, "exit"), [0, null], fleet.said);
    for (let i = 0; i < 10; i++) for (const one of agents) await fleet.send(one, one.block(one.make(2)));
    await fleet.host(...own);
    // Of each agent the last 3 blocks are there, of 2 batches of 20 events, and 7 are gone.
    await until("what is there is judged", async () => (await told(fleet)).blocks === 6, { tell: () => fleet.said });
    const { lostBlocks, lost, events } = await told(fleet);
    assert.equal([lostBlocks, lost, events], [14, { bus: 2 * 7 * 40, poison: 0, hole: 0 }, 2 * 3 * 40]);
  }),
);

test.run();

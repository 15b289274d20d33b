// SPDX-License-Identifier: Apache-2.0
// One partition of facts: what it takes twice, what it refuses, and whose policies see what. The bus is in
// memory.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import { decodeBlock, encodeBlock } from "../../../host/fleet/block.js";
import { BusFailure } from "../../../host/fleet/bus.js";
import { decodeFacts, encodeFacts, type FactMessage } from "../../../host/fleet/fact-message.js";
import { FactWriter } from "../../../host/fleet/fact-writer.js";
import { PoolCounts } from "../../../host/fleet/pool-counts.js";
import { factStage } from "../../../host/fleet/stage.js";
import { placeOfFact, subjectOfFacts } from "../../../host/fleet/subject.js";
import { TenantHouse } from "../../../host/fleet/tenant-house.js";
import type { Alert } from "../../../host/output/alert.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { openTenant } from "../../../host/policy/tenants.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { PartitionPlace } from "./partition-place.js";
import { movingPolicy, tellingPolicy } from "./told.js";

const PARTITIONS = 2;
const NEVER = new AbortController().signal;
const [telling] = (await loadPolicies([tellingPolicy(2)])) as [LoadedPolicy];
const of = (tenant: string): LoadedPolicy => ({ ...telling, tenancy: openTenant(tenant).tenancy });
/** A name that belongs to partition 0. */
const keyOf = (stem: string, owner: string | null = null): string => {
  for (let i = 0; ; i++) if (placeOfFact(owner, "file", `${stem}${i}`, PARTITIONS) === 0) return `${stem}${i}`;
};
const PROCESS = {
  ...{ pid: 9, vpid: 9, started: 3n, uid: 0, user: "root", name: "cat", exe: "cat", exepath: "/bin/cat" },
  ...{ args: [], containerId: null },
};

function message(task: number, key: string, more: Partial<FactMessage> = {}, seq = 100): FactMessage {
  const time = BigInt(Date.now() - 60_000) * 1_000_000n;
  return {
    ...{ tenant: "red", task: `task/${task}`, source: Buffer.alloc(16, task + 1).toString("hex"), host: `h${task}` },
    ...{ container: null, policy: "telling", owner: null },
    facts: [{ seq, num: 7, time, tid: 9, kind: "file", key, value: "", process: PROCESS }],
    ...more,
  };
}

/** A partition of facts, and who judges it. */
class Place extends PartitionPlace {
  readonly alerts: Alert[] = [];
  readonly house = new TenantHouse({ isApart: () => false, onFault: (error) => void this.said.push(error.message) });

  judge() {
    const onTenantAlert = (alert: Alert): void => void this.alerts.push(alert);
    return this.owner({ stage: factStage(PARTITIONS), tenants: this.house, onTenantAlert });
  }

  tell(one: FactMessage, subject = subjectOfFacts(one.tenant, one.task, 0)): Promise<number> {
    return this.bus.publish(subject, encodeFacts(one));
  }
}

test("facts that come twice are judged once, also by the next owner; the second task's is the finding", async () => {
  const place = new Place([telling]);
  const key = keyOf("/x");
  let owner = place.judge();
  await place.tell(message(1, key));
  await place.tell(message(1, key));
  await place.committed();
  await owner.giveBack(10_000);
  owner = place.judge();
  await place.tell(message(1, key));
  await place.tell(message(2, key));
  await place.tell(message(2, key, {}, 101));
  await place.tell(message(3, key));
  await place.committed();
  const { duplicates, factsJudged, lost } = place.counts.read();
  assert.equal([place.ids.length, duplicates, factsJudged, lost.hole], [1, 2, 4, 0], place.said.join());
  await owner.giveBack(10_000);
});

test("steps in several tasks are one finding in the order of their times, with late and early ones, across a hand-over", async () => {
  const place = new Place(await loadPolicies([movingPolicy()]));
  const [moved, mixed, slow] = [keyOf("/moved"), keyOf("/mixed"), keyOf("/slow")];
  const base = BigInt(Date.now() - 1_800_000) * 1_000_000n;
  let seq = 0;
  /** The number of a task is that of its step. */
  const happens = async (key: string, step: number, second: number): Promise<void> => {
    const value = ["took", "carried", "used"][step]!;
    const { facts, ...origin } = message(step, key, {}, ++seq);
    await place.tell({ ...origin, facts: [{ ...facts[0]!, value, time: base + BigInt(second) * 1_000_000_000n }] });
  };
  let owner = place.judge();
  await happens(moved, 2, 300); // the last step comes first
  await happens(mixed, 0, 301);
  await happens(mixed, 1, 200);
  await happens(slow, 0, 0);
  await happens(moved, 0, 100);
  await place.committed();
  assert.is(place.ids.length, 0);
  await owner.giveBack(10_000);
  owner = place.judge();
  await happens(moved, 1, 250); // the middle is late
  await happens(mixed, 2, 302);
  await happens(slow, 1, 400);
  await happens(slow, 2, 601);
  await happens(moved, 1, 251);
  await place.committed();
  assert.equal([place.ids.length, place.counts.read().factsJudged], [1, 10], place.said.join());
  await owner.giveBack(10_000);
});

test("H78: facts that say another task or tenant than their subject, or belong elsewhere, are refused and counted", async () => {
  const place = new Place([telling]);
  const owner = place.judge();
  const key = keyOf("/x");
  const elsewhere = Array.from({ length: 99 }, (_, i) => `/y${i}`).find(
    (one) => placeOfFact(null, "file", one, PARTITIONS) === 1,
  )!;
  await place.tell(message(1, key));
  await place.tell(message(2, key), subjectOfFacts("red", "task/9", 0));
  await place.tell(message(2, key), subjectOfFacts("blue", "task/2", 0));
  await place.tell(message(2, keyOf("/x", "blue"), { owner: "blue" }));
  await place.tell(message(2, elsewhere));
  await place.committed();
  assert.equal([place.counts.read().refused, place.ids.length], [4, 0]);
  await owner.giveBack(10_000);
});

test("H78: what is no message of facts is counted and passed over", async () => {
  const place = new Place([telling]);
  const owner = place.judge();
  const key = keyOf("/x");
  const subject = subjectOfFacts("red", "task/2", 0);
  const whole = JSON.parse(encodeFacts(message(2, key)).toString());
  const [fact] = whole.facts;
  const broken = [
    ...["no JSON", "null", JSON.stringify({ ...whole, v: 2 }), JSON.stringify({ ...whole, more: 1 })],
    ...[
      { seq: -1 },
      { seq: 1e300 },
      { key: "" },
      { time: "x" },
      { time: "9".repeat(20) },
      { tid: 2 ** 40 },
      { process: {} },
    ].map((change) => JSON.stringify({ ...whole, facts: [{ ...fact, ...change }] })),
    ...[
      JSON.stringify({ ...whole, container: { id: 3 } }),
      JSON.stringify({ ...whole, source: "x" }),
      " ".repeat((1 << 20) + 1),
    ],
  ];
  for (const one of broken)
    assert.throws(
      () => decodeFacts(Buffer.from(one)),
      (error: VedetteError) => error.code === "VEDETTE_FACTS_CORRUPT",
      one.slice(0, 100),
    );
  for (const one of broken) await place.bus.publish(subject, Buffer.from(one));
  await place.tell(message(1, key));
  await place.tell(message(2, key));
  await place.committed();
  assert.equal([place.counts.read().poison, place.ids.length], [broken.length, 1], place.said.join("; "));
  await owner.giveBack(10_000);
});

test("H83: facts are seen by policies of the owner alone whose policy told them", async () => {
  const place = new Place([telling]);
  for (const tenant of ["red", "blue"]) await place.house.add(of(tenant));
  const owner = place.judge();
  const [mine, reds] = [keyOf("/mine"), keyOf("/red", "red")];
  for (const task of [1, 2]) await place.tell(message(task, mine));
  for (const task of [1, 2]) await place.tell(message(task, reds, { owner: "red" }));
  await place.committed();
  assert.equal(
    place.alerts.map(({ tenant, output }) => [tenant, output.includes(reds)]),
    [["red", true]],
  );
  assert.is(place.ids.length, 2, "and the operator's own");
  await owner.giveBack(10_000);
});

test("H79: a block with a fact in it is none", () => {
  const source = "07".repeat(16);
  const builder = new BatchBuilder({ source: Buffer.from(source, "hex") });
  const bytes = builder.record("vedette.fact", { params: { kind: "k", key: "k" } }).bytes();
  const origin = { sender: { tenant: "t", task: "a", source, version: "1" }, host: "h", container: null };
  assert.throws(() => decodeBlock(encodeBlock(origin, [{ bytes, kept: null }])), /holds a fact, which no agent tells/);
});

test("facts wait for a bus that is away, in their order, and those that it refuses are counted", async () => {
  const counts = new PoolCounts();
  const published: string[] = [];
  let failure: BusFailure | null = new BusFailure("nobody", "no stream");
  const made: string[] = [];
  const bus = {
    publish: async (subject: string, body: Uint8Array) => {
      if (failure !== null) throw failure;
      return published.push(`${subject} ${JSON.parse(Buffer.from(body).toString()).facts.length}`);
    },
    ensure: async ({ name }: { name: string }) => {
      made.push(name);
      failure = new BusFailure("away", "it is away");
    },
  };
  const said: string[] = [];
  const writer = new FactWriter({ bus, partitions: 1, replicas: 1, counts, say: (line) => said.push(line) });
  const { facts, source, ...origin } = message(1, "/x");
  const fact = { ...facts[0]!, seq: undefined };
  writer.add(origin, { source, seq: 1, facts: [fact, fact], dropped: 3 });
  writer.add(origin, { source, seq: 2, facts: [fact], dropped: 0 });
  const over = new AbortController();
  setTimeout(() => over.abort(), 500);
  assert.is(await writer.flush(over.signal), false);
  assert.equal(
    [made, writer.waitingBytes > 0, counts.read().facts, counts.read().factsDropped],
    [["VF_0"], true, 3, 3],
  );
  assert.match(writer.problem ?? "", /^facts do not reach the bus: it is away$/);
  failure = null;
  assert.is(await writer.flush(NEVER), true);
  assert.equal(published, ["vd.f.red.0.task%2F1 2", "vd.f.red.0.task%2F1 1"]);
  assert.equal([writer.problem, writer.waitingBytes], [null, 0]);
  failure = new BusFailure("refused", "permissions violation");
  writer.add(origin, { source, seq: 3, facts: [fact, fact], dropped: 0 });
  assert.is(await writer.flush(NEVER), true);
  assert.equal([counts.read().factsDropped, said.length], [5, 2]);
});

test.run();

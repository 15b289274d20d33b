// SPDX-License-Identifier: Apache-2.0
// Tenants' policies in a pool: each sees its own tenant's tasks by the bus's subject alone, its memory goes
// on with the next owner and with the next version, and what one of them does wrong rests it alone.
// Time limit: 120 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import { decodeSnapshot, encodeSnapshot, type PolicyMemory } from "../../../host/fleet/snapshot.js";
import { TenantHouse } from "../../../host/fleet/tenant-house.js";
import type { Alert } from "../../../host/output/alert.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { openTenant } from "../../../host/policy/tenants.js";
import { until } from "../../until.js";
import { ENDLESS_AT_99, policyOf, TRAPS_AT_99 } from "../engine/shared.js";
import { countingPolicy, expectedOf, ForwardedAgent } from "./forwarded.js";
import { PartitionPlace } from "./partition-place.js";

const [counting] = (await loadPolicies([countingPolicy()])) as [LoadedPolicy];
/** As the watched folder gives it: of a tenant, whose scope has no condition. */
const of = (tenant: string, more: Partial<LoadedPolicy> = {}): LoadedPolicy => {
  const policy = { ...counting, ...more };
  return { ...policy, tenancy: { ...openTenant(tenant).tenancy, alerts: { burst: 1e6, perMinute: 1e6 } } };
};

/** A partition that judges by tenants' policies alone. */
class Pool {
  readonly place = new PartitionPlace([]);
  readonly faults: VedetteError[] = [];
  readonly alerts: Alert[] = [];
  readonly house: TenantHouse;

  constructor(isApart = (_tenant: string): boolean => false) {
    const onFault = (error: VedetteError): void => void this.faults.push(error);
    this.house = new TenantHouse({ isApart, onFault });
  }

  owner() {
    const onTenantAlert = (alert: Alert): void => void this.alerts.push(alert);
    const onFault = (error: VedetteError): void => void this.faults.push(error);
    return this.place.owner({ tenants: this.house, onTenantAlert, onFault });
  }

  /** What a tenant was told, by the task that it is about. */
  hostsOf(tenant: string): string[] {
    return [...new Set(this.alerts.filter((alert) => alert.tenant === tenant).map(({ hostname }) => hostname))].sort();
  }
}

test("H85: a tenant's policy sees its own tenant's tasks alone, by the subject, whatever a block says of itself", async () => {
  const pool = new Pool();
  const [red, blue, nobodys] = [
    new ForwardedAgent(0, 1, "red"),
    new ForwardedAgent(1, 1, "blue"),
    new ForwardedAgent(2, 1, ""),
  ];
  const [ofRed, ofBlue] = [of("red"), of("blue")];
  for (const policy of [ofRed, ofBlue]) await pool.house.add(policy);
  const owner = pool.owner();
  for (let round = 0; round < 2; round++)
    for (const agent of [red, blue, nobodys]) await pool.place.send(agent, agent.block(agent.make(2)));
  // Blue's task says that it is red's; and it sends red's own block under blue's subject.
  const lie = new ForwardedAgent(1, 1, "blue").make(9).slice(8);
  await pool.place.send(blue, blue.block(lie, { tenant: "red" }));
  await pool.place.send(red, red.block(red.batches), blue.subject);
  await pool.place.committed();
  assert.is(pool.place.counts.read().refused, 2);
  assert.equal([pool.hostsOf("red"), pool.hostsOf("blue")], [["h0"], ["h1"]]);
  const expected = [...(await expectedOf([ofRed], [red])), ...(await expectedOf([ofBlue], [blue]))].sort();
  assert.equal([...pool.place.ids].sort(), expected);
  assert.equal(pool.alerts.length, expected.length, "each alert goes to its tenant, too");
  await owner.giveBack(10_000);
});

test("what tenants' policies remember goes on with the next owner, and with a new version of the same state", async () => {
  const pool = new Pool();
  const agents = [new ForwardedAgent(0, 1, "red"), new ForwardedAgent(1, 1, "blue")];
  const policies = [of("red"), of("blue")];
  let [red] = await Promise.all(policies.map((policy) => pool.house.add(policy)));
  for (let round = 0; round < 4; round++) {
    const owner = pool.owner();
    for (const agent of agents) await pool.place.send(agent, agent.block(agent.make(1)));
    await pool.place.committed();
    if (round === 1) red = await pool.house.replace(red!, of("red", { version: "2.0.0" }));
    for (const agent of agents) await pool.place.send(agent, agent.block(agent.make(1)));
    await pool.place.committed();
    await owner.giveBack(10_000);
  }
  const expected = await Promise.all(policies.map((policy, i) => expectedOf([policy], [agents[i]!])));
  assert.equal([...pool.place.ids].sort(), expected.flat().sort());
  assert.equal(pool.place.said, []);
  assert.equal(pool.house.policies.map(({ version }) => version).sort(), ["1.0.0", "2.0.0"]);
});

test("a version whose state means something else begins with none, and that is said, also where the next owner has it", async () => {
  const pool = new Pool();
  const agent = new ForwardedAgent(0, 1, "red");
  const id = await pool.house.add(of("red"));
  const first = pool.owner();
  await pool.place.send(agent);
  await pool.place.committed();
  const second = await pool.house.replace(id, of("red", { state: "two" }));
  await pool.place.send(agent);
  await pool.place.committed();
  await first.giveBack(10_000);
  await pool.house.replace(second, of("red", { state: "three" }));
  const next = pool.owner();
  await pool.place.send(agent);
  await pool.place.committed();
  const cold = "vedette: partition 0: the policy red/counting begins with no memory: its state is another now";
  assert.equal(pool.place.said, [cold, cold]);
  await next.giveBack(10_000);
});

for (const { does, changes, code } of [
  { does: "does not end", changes: ENDLESS_AT_99, code: "VEDETTE_POLICY_OVERRUN" },
  { does: "traps", changes: TRAPS_AT_99, code: "VEDETTE_POLICY_TRAPPED" },
])
  test(`H86: a tenant's policy that ${does} rests alone: another tenant's judges every event`, async () => {
    const pool = new Pool();
    const harmful = await policyOf("harmful", ...changes);
    await pool.house.add({ ...harmful, tenancy: openTenant("red").tenancy });
    const ofBlue = of("blue");
    await pool.house.add(ofBlue);
    const [red, blue] = [new ForwardedAgent(0, 1, "red"), new ForwardedAgent(1, 1, "blue")];
    const owner = pool.owner();
    await pool.place.send(red, red.block(red.make(1, -99)));
    for (let i = 0; i < 5; i++) await pool.place.send(blue);
    await pool.place.committed();
    assert.equal([...pool.place.ids].sort(), await expectedOf([ofBlue], [blue]));
    assert.equal([...new Set(pool.faults.map((fault) => fault.code))], [code]);
    await owner.giveBack(10_000);
  });

test("a policy of a tenant that is to live apart is not taken", async () => {
  const pool = new Pool((tenant) => tenant === "red");
  try {
    await pool.house.add(of("red"));
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_TENANT_APART");
  }
  await pool.house.add(of("blue"));
  assert.equal(
    pool.house.policies.map(({ tenancy }) => tenancy?.tenant),
    ["blue"],
  );
});

test("H87: what one tenant's policies remember pushes nothing of another's, or of the operator's, out of a snapshot", () => {
  const memory = (tenant: string | null, policy: string, mib: number): PolicyMemory => ({
    ...{ tenant, policy, word: null },
    state: { schema: 1n, bytes: Buffer.alloc(mib << 20) },
  });
  const large = Array.from({ length: 10 }, (_, i) => memory("red", `r${i}`, 4));
  const memories = [...large, memory("blue", "b", 8), memory(null, "own", 4)];
  const { bytes, left } = encodeSnapshot({ sources: [], memories, limits: [] });
  const kept = decodeSnapshot(bytes)!.memories.map(({ tenant, policy }) => `${tenant} ${policy}`);
  assert.equal(kept.sort(), ["blue b", "null own", "red r0", "red r1", "red r2"]);
  assert.is(left, 7);
});

test("a policy that comes and goes while partitions do is seated where it should be, once", async () => {
  const pool = new Pool();
  const agent = new ForwardedAgent(0, 1, "red");
  const owner = pool.owner();
  await until("the partition is there", () => pool.place.row?.epoch === 1);
  await pool.place.send(agent);
  await pool.place.committed();
  assert.equal(pool.place.ids, []);
  const id = await pool.house.add(of("red"));
  await pool.place.send(agent);
  await pool.place.committed();
  const told = pool.place.ids.length;
  assert.ok(told > 0);
  await pool.house.remove(id);
  await pool.place.send(agent);
  await pool.place.committed();
  assert.is(pool.place.ids.length, told);
  assert.equal(pool.house.status(), []);
  await owner.giveBack(10_000);
});

test("H74: limits on alerts go on with the next owner, and count for each task by its subject", async () => {
  const limit = { burst: 4, perMinute: 1 };
  const place = new PartitionPlace([{ ...counting, alerts: limit }]);
  // Both say that they are the container `c`.
  const [agent, other] = [new ForwardedAgent(0, 1), new ForwardedAgent(1, 1)];
  const send = (one: ForwardedAgent): Promise<void> =>
    place.send(one, one.block(one.make(2), { task: one.task, taskArn: one.task }));
  const failed = async (one: ForwardedAgent): Promise<number> => {
    const own = new Set(await expectedOf([{ ...counting, alerts: { burst: 1e6, perMinute: 1e6 } }], [one]));
    return place.ids.filter((id) => own.has(id)).length;
  };
  const told: number[][] = [];
  for (let round = 0; round < 3; round++) {
    const owner = place.owner();
    await send(agent);
    if (round === 2) await send(other);
    await place.committed();
    told.push([await failed(agent), await failed(other)]);
    await owner.giveBack(10_000);
  }
  // Of 5 failed and 4 tenth opens in each round: 4 of each rule in all, and the other task has as many.
  assert.equal(told, [
    [8, 0],
    [8, 0],
    [8, 8],
  ]);
});

test("H74: what all policies of a tenant have used up together goes on with the next owner, too", async () => {
  const pool = new Pool();
  const policy = of("red");
  const bounds = { usPerEvent: 1000, alerts: { burst: 6, perMinute: 1 }, logLinesPerMinute: 1 };
  await pool.house.add({ ...policy, tenancy: { ...policy.tenancy!, bounds } });
  const agent = new ForwardedAgent(0, 1, "red");
  for (let round = 0; round < 2; round++) {
    const owner = pool.owner();
    await pool.place.send(agent);
    await pool.place.committed();
    await owner.giveBack(10_000);
  }
  const own = new Set(await expectedOf([policy], [agent]));
  assert.is(pool.place.ids.filter((id) => own.has(id)).length, 6);
});

test.run();

// SPDX-License-Identifier: Apache-2.0
// Two tenants on one stream, from the ring to the alert and the status: each policy tells of every event that
// it sees all that it can, so that whatever of the other's came through would stand in an alert. Scopes are
// of chance.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../../host/engine/engine.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { Scope } from "../../../host/engine/scope.js";
import { type Alert, alertJson } from "../../../host/output/alert.js";
import { policyStatus } from "../../../host/policy/status.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { policyOf } from "./shared.js";

const CONTAINERS = ["alpha", "bravo"] as const;
const OUTPUT =
  "%evt.num %proc.name %proc.exepath %proc.cmdline %proc.cwd %proc.pname %proc.aname[2] %fd.name %fd.nameraw %evt.args %user.name %container.id";

/** Which container each record's process is of; all processes of both are children of one another in turn. */
function build(owners: readonly number[], first: number): Batch {
  const builder = new BatchBuilder({ first });
  let parent: number | null = null;
  const processes = CONTAINERS.flatMap((mark, uid) =>
    [0, 1].map((i): number => {
      const made = builder.process({
        pid: 10 * uid + i,
        uid,
        name: `${mark}${i}`,
        exepath: `/srv/${mark}/run`,
        args: [mark],
        cwd: `/home/${mark}`,
        user: mark,
        container_id: mark,
        parent,
      });
      parent = made;
      return made;
    }),
  );
  owners.forEach((owner, i) => {
    const mark = CONTAINERS[owner] as string;
    const descriptor = builder.descriptor({ type: "f", name: `/data/${mark}/${i}`, nameraw: mark });
    const process = processes[2 * owner + (i % 2)] as number;
    builder.record("openat", {
      process,
      descriptor,
      result: -2,
      params: { dirfd: -100, name: `/data/${mark}`, flags: 0 },
    });
  });
  return openBatch(builder.bytes());
}

/** Ways to say "container A and nothing else". */
const scopes = (owner: number): fc.Arbitrary<Scope> => {
  const mark = CONTAINERS[owner] as string;
  const condition = <T>(values: readonly T[], isNeeded: boolean): fc.Arbitrary<readonly T[]> =>
    isNeeded ? fc.subarray([...values], { minLength: 1 }) : fc.subarray([...values]);
  return fc.constantFrom("containers", "uids", "executables").chain((needed) =>
    fc.record({
      containers: condition([mark, `${mark.slice(0, 2)}*`, `*${mark.slice(2)}`], needed === "containers"),
      images: fc.constant([]),
      families: fc.constant([]),
      uids: condition([owner, 1000 + owner], needed === "uids").map((uids) =>
        uids.length > 0 && !uids.includes(owner) ? [...uids, owner] : uids,
      ),
      executables: condition([`/srv/${mark}/*`, `*/${mark}/run`], needed === "executables"),
    }),
  );
};

async function tellAll(tenant: string, scope: Scope): Promise<LoadedPolicy> {
  const policy = await policyOf(`policy-of-${tenant}`);
  return {
    ...policy,
    rules: policy.rules.map((rule) => ({ ...rule, output: OUTPUT })),
    tenancy: { tenant, scope, alerts: { burst: 1e6, perMinute: 1e6 } },
  };
}

test("a tenant is told all of its container's events and nothing of another's, whatever its scope says", async () => {
  await fc.assert(
    fc.asyncProperty(
      scopes(0),
      scopes(1),
      fc.array(fc.array(fc.nat(1), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 }),
      async (ofAlpha, ofBravo, plan) => {
        const feed = new Feed(4 << 20);
        const alerts: Alert[] = [];
        const engine = await Engine.start({
          ring: feed.ring,
          readers: [feed.reader()],
          policies: [await tellAll("alpha", ofAlpha), await tellAll("bravo", ofBravo)],
          onAlert: (alert) => void alerts.push(alert),
          onFault: (error) => assert.unreachable(error.message),
        });
        for (const [i, owners] of plan.entries()) await feed.put(build(owners, 1 + 100 * i));
        feed.close();
        await engine.finished;
        const status = policyStatus(engine.status(), []);
        for (const [owner, tenant] of CONTAINERS.entries()) {
          const other = CONTAINERS[1 - owner] as string;
          const mine = alerts.filter((alert) => alert.tenant === tenant);
          const wanted = plan.flat().filter((one) => one === owner).length;
          assert.is(mine.length, wanted, `${tenant}'s events`);
          const told = mine.map((alert) => alertJson(alert)).join("\n");
          assert.ok(!told.includes(other), `${other} in what ${tenant} is told: ${told}`);
          const own = status.filter((one) => one.tenant === tenant);
          assert.equal([own.length, own[0]?.events], [1, wanted]);
          assert.ok(!JSON.stringify(own).includes(other));
        }
      },
    ),
    { numRuns: 30 },
  );
});

test.run();

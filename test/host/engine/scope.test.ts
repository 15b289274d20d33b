// SPDX-License-Identifier: Apache-2.0
// What a tenant sees of a batch. The oracle is plain: every text of a process carries its container's mark,
// so whatever of another container is left in a view, in any table or among the strings, is found by looking
// for its mark in the bytes.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Scope, ScopedViews } from "../../../host/engine/scope.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { fieldValue } from "../../../host/wire/fields.js";

const NOBODY: Scope = { containers: [], images: [], families: [], uids: [], executables: [] };
const MARKS = ["<alpha>", "<bravo>", "<charlie>"];

interface Plan {
  /** The container of each process, and which process is its parent. */
  readonly processes: readonly { readonly container: number; readonly parent: number }[];
  readonly records: readonly number[];
}

const plans: fc.Arbitrary<Plan> = fc
  .array(fc.record({ container: fc.nat(2), parent: fc.nat(9) }), { minLength: 1, maxLength: 10 })
  .chain((processes) =>
    fc.record({
      processes: fc.constant(processes),
      records: fc.array(fc.nat(processes.length - 1), { maxLength: 20 }),
    }),
  );

function build({ processes, records }: Plan): Batch {
  const builder = new BatchBuilder({ first: 1000 });
  for (const [i, { container, parent }] of processes.entries()) {
    const mark = MARKS[container] as string;
    const stdin = builder.descriptor({ type: "f", name: `/in/${mark}/${i}` });
    builder.process({
      pid: i,
      uid: container,
      name: `n${mark}`,
      exe: `e${mark}`,
      exepath: `/bin/${mark}`,
      args: [mark, "x"],
      env: [`A=${mark}`],
      cwd: `/${mark}`,
      cgroup: `/${mark}`,
      user: mark,
      group: mark,
      container_id: mark,
      stdin,
      parent: parent < i ? parent : null,
    });
  }
  for (const index of records) {
    const mark = MARKS[(processes[index] as Plan["processes"][number]).container] as string;
    const descriptor = builder.descriptor({ type: "f", name: `/f/${mark}`, nameraw: mark, realpath: `/r/${mark}` });
    builder.record("openat", {
      process: index,
      descriptor,
      result: 3,
      fd: 3,
      params: { dirfd: -100, name: `/p/${mark}`, flags: 0 },
    });
  }
  return openBatch(builder.bytes());
}

function view(batch: Batch, scope: Partial<Scope>): Batch | null {
  return new ScopedViews(batch).view({ ...NOBODY, ...scope });
}

test("a view holds all of the tenant's events and nothing of another, whatever the batch", () => {
  fc.assert(
    fc.property(plans, fc.nat(2), (plan, container) => {
      const batch = build(plan);
      const seen = view(batch, { containers: [MARKS[container] as string] });
      const own = plan.records.filter((index) => plan.processes[index]?.container === container);
      if (seen === null) return own.length === 0;
      const checked = openBatch(seen.bytes); // every offset and index of it holds
      if (checked.count !== own.length) return false;
      const text = Buffer.from(seen.bytes).toString("latin1");
      if (MARKS.some((mark, i) => i !== container && text.includes(mark))) return false;
      const pid = fieldValue("proc.pid");
      const name = fieldValue("fd.realpath");
      return seen.offsets.every(
        (offset, i) => pid?.(seen, offset) === own[i] && name?.(seen, offset) === `/r/${MARKS[container]}`,
      );
    }),
    { numRuns: 500 },
  );
});

test("a batch whose processes are all in scope is shown as it is, one with none not at all", () => {
  const plan: Plan = {
    processes: [
      { container: 1, parent: 9 },
      { container: 1, parent: 0 },
    ],
    records: [0, 1, 1],
  };
  const batch = build(plan);
  assert.is(view(batch, { containers: ["<bra*"] }), batch);
  assert.is(view(batch, { containers: ["<alpha>"] }), null);
  assert.is(new ScopedViews(batch).view(null), batch);
});

test("an ancestor that is out of scope is none", () => {
  const batch = build({
    processes: [
      { container: 0, parent: 9 },
      { container: 1, parent: 0 },
      { container: 1, parent: 1 },
    ],
    records: [2, 1],
  });
  const seen = view(batch, { containers: ["<bravo>"] }) as Batch;
  const names = (field: string) => [...seen.offsets].map((offset) => fieldValue(field)?.(seen, offset));
  assert.equal(names("proc.pname"), ["n<bravo>", null]);
  assert.equal(names("proc.aname[2]"), [null, null]);
});

test("conditions are joined by and, the texts of one by or", () => {
  const batch = build({
    processes: [
      { container: 0, parent: 9 },
      { container: 1, parent: 9 },
      { container: 2, parent: 9 },
    ],
    records: [0, 1, 2],
  });
  const count = (scope: Partial<Scope>) => view(batch, scope)?.count ?? 0;
  assert.is(count({}), 3);
  assert.is(count({ containers: ["<alpha>", "<charlie>"] }), 2);
  assert.is(count({ uids: [1, 2] }), 2);
  assert.is(count({ uids: [1, 2], executables: ["/bin/<c*"] }), 1);
  assert.is(count({ executables: ["/usr/*"] }), 0);
});

test("an image and a task family are what the orchestrator says, and nobody's where it says nothing", () => {
  const facts = {
    id: "4f1a",
    name: "web",
    image: "registry.example/shop/web:1.2",
    imageRepository: "registry.example/shop/web",
    taskFamily: "shop",
  };
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 1, name: "x" });
  builder.record("close", { process });
  const batch = openBatch(builder.bytes());
  const count = (scope: Partial<Scope>) => view(batch, scope)?.count ?? 0;
  for (const scope of [{ images: ["*"] }, { families: ["*"] }, { containers: ["*"] }]) assert.is(count(scope), 0);
  batch.container = facts as ContainerFacts;
  for (const scope of [
    { images: ["*/web:*"] },
    { images: ["*/shop/web"] },
    { families: ["shop"] },
    { containers: ["web"] },
    { containers: ["4f1a"] },
  ])
    assert.is(count(scope), 1, JSON.stringify(scope));
  for (const scope of [{ images: ["*/api:*"] }, { families: ["api"] }, { containers: ["api"] }])
    assert.is(count(scope), 0);
});

test("an image is its own container's: an agent that also tells of a neighbour's processes shows none of them", () => {
  const facts = {
    id: "4f1ac0ffee4f",
    name: "web",
    image: "shop/web:1.2",
    imageRepository: "shop/web",
    taskFamily: "shop",
  };
  const builder = new BatchBuilder();
  for (const [pid, container_id] of [null, "4f1a", "4f1ac0ffee4f", "beef"].entries())
    builder.record("close", { process: builder.process({ pid, name: "x", container_id }) });
  const batch = openBatch(builder.bytes());
  batch.container = facts as ContainerFacts;
  const pids = (scope: Partial<Scope>) => {
    const seen = view(batch, scope);
    return [...(seen?.offsets ?? [])].map((offset) => fieldValue("proc.pid")?.(seen!, offset));
  };
  assert.equal(pids({ images: ["shop/*"] }), [0, 1, 2]);
  assert.equal(pids({ images: ["shop/*"], containers: ["*"] }), [0, 1, 2]);
  assert.equal(pids({ containers: ["web"] }), [0, 1, 2]);
  assert.equal(pids({ families: ["shop"] }), [0, 1, 2, 3]); // the neighbour is of the same task
});

test("a record of no process is nobody's", () => {
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 1, name: "x", uid: 5 });
  builder.record("close", { process });
  builder.record("close");
  assert.is(view(openBatch(builder.bytes()), { uids: [5] })?.count, 1);
});

test("texts that lie over one another do not make a view larger than its batch", () => {
  const builder = new BatchBuilder();
  const mine = builder.process({ pid: 1, name: "x".repeat(60_000), uid: 1 });
  builder.process({ pid: 2, name: "y", uid: 2 });
  for (let i = 0; i < 500; i++) builder.record("openat", { process: mine, params: { dirfd: i, name: "y", flags: 0 } });
  const bytes = builder.bytes();
  const batch = openBatch(bytes);
  for (const [i, offset] of batch.offsets.entries()) {
    batch.recordView.setUint32(offset + 56, 0, true);
    batch.recordView.setUint32(offset + 60, 60_000 - i, true);
  }
  const seen = view(openBatch(bytes), { uids: [1] }) as Batch;
  assert.ok(seen.strings.length <= batch.strings.length);
  assert.ok(seen.count === 500);
});

test.run();

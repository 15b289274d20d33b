// SPDX-License-Identifier: Apache-2.0
//
// Programs at the edges of the inline tier: that touch its memory, jump into it, need GS for themselves, pass
// it bad pointers. The program must not notice; what it does must be recorded, and what it does to us must be
// told.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { run, scratch } from "./programs.js";
import { notices, ofType, summary, trace } from "./traces.js";

const test = suite("inline edges");

const SAME = [
  "own_gs",
  "junk_gs",
  "heap_gs",
  "ip_filter",
  "trap_filter",
  "trace_filter",
  "family",
  "registers",
  "bad_pointers",
  "sockets",
  "requests",
  "interrupted",
];
const TELLS: Record<string, RegExp> = {
  own_gs: /uses GS/,
  junk_gs: /GS base/,
  heap_gs: /GS base|uses GS/,
  ip_filter: /instruction pointer/,
};

for (const mode of SAME) {
  test(`${mode}: the same as bare`, async () => {
    const program = [buildFixture("inline_edges"), mode];
    const bare = await run(program, { cwd: scratch() });
    const watched = await trace(`edges-${mode}`, program, { cwd: scratch() });
    assert.is(watched.run.stdout, bare.stdout);
    assert.is(watched.run.status, 0);
    assert.is(bare.status, 0);
    const told = TELLS[mode];
    if (told !== undefined) assert.ok(notices(watched.events, "TIER_DEGRADED").some((text) => told.test(text)));
    assert.equal(notices(watched.events, "TAMPER"), []);
    const failed = ofType(watched.events, "lseek").filter((event) => event["evt.rawres"] === -38);
    assert.is(failed.length, mode === "trace_filter" ? 10 : 0, "each call that the kernel fails, once");
  });
}

test("a call on the agent's memory is refused and told of, each time", async () => {
  const { run: ended, events } = await trace("edges-guard", [buildFixture("inline_edges"), "guard"], {
    cwd: scratch(),
  });
  assert.is(ended.status, 0);
  const refused = ended.stdout.split("\n").filter((line) => line.endsWith("Operation not permitted"));
  assert.is(refused.length, 19);
  assert.not.match(ended.stdout, /done/);
  assert.is(notices(events, "TAMPER").length, 19);
});

test("a guarded number that goes through a gate is traced all the same", async () => {
  const { run: ended, events } = await trace("edges-gate", [buildFixture("inline_edges"), "gate"], {
    cwd: scratch(),
    deceives: true,
  });
  assert.is(ended.status, 0);
  const gates = ended.stdout.trim().split("\n").length;
  assert.ok(gates >= 13, `${gates} gates`);
  assert.is(ofType(events, "socket").filter((event) => event["vedette.tier"] === "trace").length, gates);
  assert.is(notices(events, "TAMPER").filter((text) => /gate/.test(text)).length, gates);
  // Who did it once is traced, from its second call on at the latest: of a ring that is empty one record may
  // be on its way.
  assert.is(notices(events, "TIER_DEGRADED").filter((text) => /what it records/.test(text)).length, gates);
  const later = ofType(events, "lseek").filter(
    (event) => Number(event["evt.arg.fd"]) === 9050 && Number(event["evt.arg.offset"]) > 0,
  );
  assert.is(later.length, 9 * gates);
  assert.ok(later.every((event) => event["vedette.tier"] === "trace"));
});

test("a program that scribbles over its ring misleads nobody but about itself, and is told of", async () => {
  const { run: ended, events } = await trace("edges-scribble", [buildFixture("inline_edges"), "scribble"], {
    cwd: scratch(),
    deceives: true,
  });
  assert.is(ended.stdout, "alive\n");
  assert.ok(notices(events, "TAMPER").length > 0);
  assert.is(ofType(events, "procexit").length, 201);
  assert.ok(notices(events, "TIER_DEGRADED").every((text) => /what it records/.test(text)));
});

test("a write that is kept off the record is told of by the kernel's count", async () => {
  const { run: ended, events } = await trace("edges-skip", [buildFixture("inline_edges"), "skip"], {
    cwd: scratch(),
    deceives: true,
  });
  assert.is(ended.stdout, "skipped 14\n");
  assert.is(
    ofType(events, "write").filter((event) => String(event["evt.arg.data"]).startsWith("not on record")).length,
    0,
  );
  const told = ofType(events, "vedette.notice").filter((event) => event["evt.arg.kind"] === "MISMATCH");
  assert.is(told.length, 1, notices(events, "MISMATCH").join("\n"));
  assert.is(Number(told[0]!["evt.arg.value"]), 14);
});

test("a record of a write that never was is told of by the kernel's count", async () => {
  const { run: ended, events } = await trace("edges-forge", [buildFixture("inline_edges"), "forge"], {
    cwd: scratch(),
    deceives: true,
  });
  assert.is(ended.stdout, "forged\n");
  assert.is(ofType(events, "write").filter((event) => String(event["evt.arg.data"]).startsWith("twice")).length, 9);
  assert.is(notices(events, "MISMATCH").length, 1);
});

test("children of fork and vfork, in whosever ring they record, are themselves", async () => {
  const { events } = await trace("edges-family", [buildFixture("inline_edges"), "family"], { cwd: scratch() });
  const marked = ofType(events, "write").flatMap((event) => {
    const mark = /^me (\d+);/.exec(String(event["evt.arg.data"] ?? ""))?.[1];
    return mark === undefined ? [] : [{ mark, pid: String(event["proc.pid"]) }];
  });
  assert.is(marked.length, 30 * 21);
  for (const { mark, pid } of marked) assert.is(pid, mark);
});

test("a site of the program's own is patched, its registers come back", async () => {
  const { events } = await trace("edges-registers", [buildFixture("inline_edges"), "registers"], { cwd: scratch() });
  const inline = ofType(events, "lseek").filter((event) => event["vedette.tier"] === "inline").length;
  assert.is(ofType(events, "lseek").length, 100);
  assert.ok(inline >= 98, `${inline} inline`);
});

test("a site that cannot be patched stays traced, and the summary says which and why", async () => {
  const { run: ended, summary: counted } = await summary([buildFixture("inline_edges"), "unpatchable"], {
    cwd: scratch(),
  });
  assert.is(ended.status, 0);
  assert.is(counted.calls.lseek!.count, 50);
  const site = counted.unpatched.find((one) => one.site.includes("inline_edges+0x"));
  assert.match(String(site?.site), /: flags live$/);
  assert.is(site!.traps, 50);
});

test("an interrupted call is one event: what the program saw of it", async () => {
  const { events } = await trace("edges-interrupted-events", [buildFixture("inline_edges"), "interrupted"], {
    cwd: scratch(),
  });
  const root = events[0]!["proc.pid"];
  const reads = ofType(events, "read").filter(
    (event) => event["proc.pid"] === root && String(event["fd.type"]) === "pipe",
  );
  const count = (result: string) => reads.filter((event) => String(event["evt.rawres"]) === result).length;
  assert.is(count("1"), 8 + 5 + 3, "bytes");
  assert.is(count("-4"), 5 + 5, "EINTR, also where the handler jumped away");
  assert.is(reads.length, 8 + 5 + 5 + 3 + 5);
});

test.run();

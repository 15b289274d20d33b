// SPDX-License-Identifier: Apache-2.0
//
// What a call names stands in memory that others can write, and in tables that others can change. What is
// told is what the call reached, or that it is not known. The programs count what they reached themselves.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
// Also with: VEDETTE_TEST_TIERS=trace.
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, buildAttack, control, judged } from "./attack.js";

const ROUNDS = "3000";
const PORTS = [7001, 7002];

interface Reached {
  inode: string;
  name: string;
}

// Of the thread that attacks, without what it does to make ready.
function opensIn(folder: string, events: Event[]): { hidden: Reached[]; decoy: Reached[] } {
  const opens = [...ofType(events, "open"), ...ofType(events, "openat")].filter(
    (event) => Number(event["evt.rawres"]) >= 0 && event["evt.arg.flags"] === "O_RDONLY",
  );
  const of = (file: string): Reached[] => {
    const inode = String(statSync(join(folder, file, "file")).ino);
    return opens
      .filter((event) => event["evt.arg.ino"] === inode)
      .map((event) => ({ inode, name: String(event["fd.name"]) }));
  };
  return { hidden: of("hidden"), decoy: of("decoy") };
}

for (const [aim, rounds] of [
  ["path", ROUNDS],
  ["wait", "50"],
] as const) {
  const when = aim === "wait" ? "while the call waits" : "all the time";
  test(`I5: a path that another thread writes over ${when} is told by the file that was opened, or as unknown`, async () => {
    const folder = scratch();
    const { run, events } = await attack("changed_names", [aim, rounds], { cwd: folder });
    const { first, second } = answersOf(run);
    const { hidden, decoy } = opensIn(folder, events);
    assert.equal(
      [hidden.length, decoy.length],
      [Number(first), Number(second)],
      "each open is told of with the inode that it reached",
    );
    const misnamed = [
      ...hidden.filter(({ name }) => name !== join(folder, "hidden/file")),
      ...decoy.filter(({ name }) => name !== join(folder, "decoy/file")),
    ];
    const told = notices(events, "UNCERTAIN");
    assert.is(told.length, misnamed.length, "each open whose name is not its file's is told of as uncertain");
    for (const { inode, name } of misnamed) {
      assert.ok(
        told.some((text) => text.includes(name) && text.includes(`inode ${inode} `)),
        `nobody tells of ${name}`,
      );
    }
    if (misnamed.length > 0) assert.equal(notices(events, "TIER_DEGRADED"), ["what it records cannot be confirmed"]);
  });
}

test("I5: control: the same opens, one after the other", async () => {
  const folder = scratch();
  const { run, events } = await control("changed_names", ["paths", ROUNDS], { cwd: folder });
  assert.equal(answersOf(run), { first: "1500", second: "1500" });
  const { hidden, decoy } = opensIn(folder, events);
  assert.equal([hidden.length, decoy.length], [1500, 1500]);
  assert.ok(hidden.every(({ name }) => name === join(folder, "hidden/file")));
  assert.ok(decoy.every(({ name }) => name === join(folder, "decoy/file")));
  assert.equal([...notices(events, "UNCERTAIN"), ...notices(events, "TIER_DEGRADED")], []);
});

// A call that is recorded inline gets the record's copy of its path. One that stops is told by what stood
// there when it was made, and can still reach another file: docs/threat-model.md, I5. Some calls always stop:
// a few at first, and one each time that the agent exchanges or checks a ring.
const isInline = process.env.VEDETTE_TEST_TIERS !== "trace";

interface Changes {
  reached: number[];
  told: number[];
  stopped: number;
}

async function modesChanged(aim: string): Promise<Changes> {
  const { run, events } = await attack("changed_names", [aim, ROUNDS], { cwd: scratch() });
  const { first, second } = answersOf(run);
  const changed = ofType(events, "chmod")
    .filter((event) => event["evt.rawres"] === 0)
    .map((event) => ({ path: String(event["evt.arg.filename"]), tier: event["vedette.tier"] }))
    .filter(({ path }) => path.endsWith("/file"));
  assert.is(changed.length, Number(ROUNDS), "each change is told");
  return {
    reached: [Number(first), Number(second)],
    told: ["hidden/file", "decoy/file"].map((file) => changed.filter(({ path }) => path.endsWith(file)).length),
    stopped: changed.filter(({ tier }) => tier !== "inline").length,
  };
}

test("I5: control: the modes of two files in turn", async () => {
  const { reached, told } = await modesChanged("mode");
  assert.equal(told, reached);
});

if (isInline) {
  test("I5: a path that another thread writes over is told by the file whose mode was changed, where the call does not stop", async () => {
    const { reached, told, stopped } = await modesChanged("modes");
    assert.ok(stopped < 300, `${stopped} of ${ROUNDS} calls stopped`);
    const wrong = Math.abs(told[0]! - reached[0]!);
    assert.ok(wrong <= stopped, `told ${told.join(", ")}, reached ${reached.join(", ")}, and ${stopped} calls stopped`);
  });
}

for (const aim of ["address", "addresses"]) {
  const title =
    aim === "address"
      ? "an address that another thread writes over is told by what the socket is connected to"
      : "control: two addresses in turn";
  test(`I5: ${title}`, async () => {
    const { run, events } = await attack("changed_names", [aim, ROUNDS]);
    const { first, second } = answersOf(run);
    const connects = ofType(events, "connect").filter((event) => event["evt.rawres"] === 0);
    const to = (port: number): Event[] =>
      connects.filter(
        (event) =>
          event["evt.arg.addr"] === `127.0.0.1:${port}` && String(event["fd.name"]).endsWith(`->127.0.0.1:${port}`),
      );
    assert.equal(
      PORTS.map((port) => to(port).length),
      [Number(first), Number(second)],
    );
    assert.equal(notices(events, "UNCERTAIN"), []);
  });
}

for (const [aim, what, named] of [
  ["ended", "files of processes that have ended since", /^\/proc\/\d+\/stat$/],
  ["anew", "files without a name that are opened by way of a descriptor", /^\/proc\/self\/fd\/\d+$/],
] as const) {
  test(`I5: control: ${what} are believed`, async () => {
    const { run, events } = await control("changed_names", [aim, "300"], { cwd: scratch() });
    assert.equal(answersOf(run), { first: "0", second: "300" });
    const opens = ofType(events, "openat").filter((event) => named.test(String(event["evt.arg.name"])));
    assert.is(opens.length, 300);
    assert.equal([...notices(events, "UNCERTAIN"), ...notices(events, "TIER_DEGRADED")], []);
  });
}

test("I6: a file by way of a descriptor that is put elsewhere afterwards is found", async () => {
  const folder = scratch();
  const { run, events } = await attack("changed_names", ["swap", "300"], { cwd: folder });
  assert.equal(answersOf(run), { first: "300", second: "0" });
  assert.is(opensIn(folder, events).hidden.length, 300);
  assert.equal(notices(events, "UNCERTAIN"), []);
});

test("I6: control: the descriptor stays what it is", async () => {
  const folder = scratch();
  const { run, events } = await control("changed_names", ["stay", "300"], { cwd: folder });
  assert.equal(answersOf(run), { first: "300", second: "0" });
  assert.is(opensIn(folder, events).hidden.length, 300);
  assert.equal([...notices(events, "UNCERTAIN"), ...notices(events, "TIER_DEGRADED")], []);
});

test("I6: a policy is asked about the file that was opened, not about what the descriptor became", async () => {
  const { alerts } = await judged([buildAttack("hidden_shadow")]);
  const found = alerts.filter(
    (alert) => alert.rule === "Sensitive file read" && alert.output_fields["proc.name"] === "hidden_shadow",
  );
  assert.is(found.length, 1);
  assert.is(found[0]!.output_fields["fd.realpath"], "/etc/shadow");
});

test.run();

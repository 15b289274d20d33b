// SPDX-License-Identifier: Apache-2.0
//
// While many names change, the calls that change them do not stop (capture/inline/name_moves.h). Whoever
// opens /etc/shadow by a name that is gone a microsecond later, or that means another file by then, is told
// by the file that was opened, or as unknown. The program prints what it reached.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
// Also with: VEDETTE_TEST_TIERS=trace.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { attack, buildAttack, control, judged } from "./attack.js";
import { expectNoneWrong } from "./told-opens.js";

const ROUNDS = "10000";
const UNKNOWN_MAX = 4; // opens of a program in a minute, before it is traced
const isInline = process.env.VEDETTE_TEST_TIERS === undefined;

/** What each open that counts is told to have reached: `s`, `d`, or `?` where it is not known. */
function toldOf(events: Event[], folder: string): string {
  const letters = new Map([
    ["/etc/shadow", "s"],
    [join(folder, "here/shadow"), "d"],
  ]);
  const aims = /(^|\/)(shadow|link)$/;
  return [...events]
    .filter(({ "evt.type": type }) => type === "open" || type === "openat")
    .filter((event) => event["evt.arg.flags"] === "O_RDONLY" && Number(event["evt.rawres"]) >= 0)
    .filter((event) => aims.test(String(event["evt.arg.name"])))
    .map((event) => letters.get(String(event["fd.realpath"])) ?? "?")
    .join("");
}

for (const integrity of ["adaptive", "strict"]) {
  for (const [aim, how] of [
    ["gone", "a link that is removed at once"],
    ["parent", "a link in a folder that is renamed at once"],
    ["cwd", "a name below a working directory that another thread sets"],
    ["buffer", "a path that another thread writes over"],
  ] as const) {
    test(`I5: /etc/shadow by ${how} is told by the file that was opened, or as unknown (${integrity})`, async () => {
      const folder = scratch();
      const flags = ["--integrity", integrity];
      const { run, events } = await attack("moving_names", [aim, ROUNDS], { cwd: folder, flags });
      const reached = run.stdout.trim();
      const told = toldOf(events, folder);
      assert.ok(reached.includes("s"), "the attack has reached the file");
      const unknown = expectNoneWrong(told, reached, events);
      if (aim === "gone" || aim === "parent") assert.is(unknown, 0, "by its own thread alone, each is known");
    });
  }
}

test("I5: control: a program opens the one file and the other, and moves names", async () => {
  const folder = scratch();
  const { run, events } = await control("moving_names", ["honest", ROUNDS], { cwd: folder });
  assert.is(toldOf(events, folder), run.stdout.trim());
  assert.is(run.stdout.trim(), "sd".repeat(Number(ROUNDS) / 2));
  assert.equal([...notices(events, "UNCERTAIN"), ...notices(events, "TIER_DEGRADED")], []);
  if (!isInline) return;
  const moves = ofType(events, "rename");
  const stopped = moves.filter((event) => event["vedette.tier"] !== "inline").length;
  assert.ok(stopped < moves.length / 10, `${stopped} of ${moves.length} renames stopped`);
});

for (const flags of [[], ["--integrity", "strict"]]) {
  for (const aim of ["gone", "parent", "cwd", "buffer"]) {
    test(`I5: Sensitive file read tells of it: ${aim} ${flags.join(" ")}`, async () => {
      const { run, alerts } = await judged([buildAttack("moving_names"), aim, "300"], { flags });
      const found = alerts.filter(
        (alert) => alert.rule === "Sensitive file read" && alert.output_fields["proc.name"] === "moving_names",
      );
      const reached = run.stdout.split("s").length - 1;
      const unknown = aim === "cwd" ? UNKNOWN_MAX : 0;
      assert.ok(reached > 0, run.stdout);
      assert.ok(found.length >= reached - unknown, `${found.length} alerts of ${reached} opens`);
      assert.ok(found.length <= reached, `${found.length} alerts of ${reached} opens`);
      assert.ok(found.every((alert) => alert.output_fields["fd.realpath"] === "/etc/shadow"));
    });
  }
}

test.run();

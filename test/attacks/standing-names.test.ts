// SPDX-License-Identifier: Apache-2.0
//
// Paths that are opened often stand: the stub does not ask which file each open has reached. Whoever changes
// what such a path means, or has another path taken for it, is told by the file that was opened, or as
// unknown. The program prints what it reached.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
// Also with: VEDETTE_TEST_TIERS=trace.
import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { attack, control } from "./attack.js";
import { expectNoneWrong } from "./told-opens.js";

/** What each open that counts is told to have reached: `h`, `d`, or `?` where it is not known. */
function toldOf(events: Event[], folder: string, hidden: number): string {
  return [...ofType(events, "open"), ...ofType(events, "openat")]
    .filter((event) => event["evt.arg.flags"] === "O_RDONLY" && Number(event["evt.rawres"]) >= 0)
    .filter((event) => String(event["evt.arg.name"]).startsWith(folder))
    .map((event) => Number(event["evt.arg.ino"] ?? 0))
    .map((inode) => (inode === 0 ? "?" : inode === hidden ? "h" : "d"))
    .join("");
}

const makeInode = (folder: string): number => {
  writeFileSync(join(folder, "hidden"), "");
  return statSync(join(folder, "hidden")).ino;
};

async function moveFromOutside(folder: string): Promise<void> {
  const at = (name: string): string => join(folder, name);
  while (!existsSync(at("ready"))) await sleep(10);
  for (let round = 0; round < 6; round++) {
    renameSync(at("hidden"), at("aside"));
    renameSync(at("decoys"), at("hidden"));
    if (round % 2 === 0) await sleep(30);
    renameSync(at("hidden"), at("decoys"));
    renameSync(at("aside"), at("hidden"));
    await sleep(30);
  }
  writeFileSync(at("over"), "");
}

test("I5: a standing path that another thread writes over is told by the file that was opened", async () => {
  const folder = scratch();
  const hidden = makeInode(folder);
  const { run, events } = await attack("standing_names", ["over", "3000"], { cwd: folder });
  expectNoneWrong(toldOf(events, folder, hidden), run.stdout.trim(), events);
  assert.equal(notices(events, "UNCERTAIN"), []);
});

test("I5: a standing path whose names somebody moves who is not watched is told by the file that was opened, or as unknown", async () => {
  const folder = scratch();
  const hidden = makeInode(folder);
  const [{ run, events }] = await Promise.all([
    attack("standing_names", ["opened", "1000"], { cwd: folder }),
    moveFromOutside(folder),
  ]);
  expectNoneWrong(toldOf(events, folder, hidden), run.stdout.trim(), events);
});

// As a program does that jumps behind the gate's test for names that stand still, and leaves no record of it.
async function moveUnseen(folder: string, isOver: () => boolean): Promise<void> {
  const at = (name: string): string => join(folder, name);
  while (!existsSync(at("ready")) && !isOver()) await sleep(10);
  while (!isOver()) {
    renameSync(at("hidden"), at("aside"));
    renameSync(at("decoys"), at("hidden"));
    await sleep(3);
    renameSync(at("hidden"), at("decoys"));
    renameSync(at("aside"), at("hidden"));
    await sleep(3);
  }
}

test("I5: who opens a path is not accused where somebody moves its names by a way that nobody tells of", async () => {
  const folder = scratch();
  const hidden = makeInode(folder);
  let isOver = false;
  const moves = moveUnseen(folder, () => isOver);
  const { run, events } = await attack("standing_names", ["seldom", "200"], { cwd: folder });
  isOver = true;
  await moves;
  expectNoneWrong(toldOf(events, folder, hidden), run.stdout.trim(), events);
  assert.equal(
    notices(events, "UNCERTAIN").filter((text) => text.startsWith("not what was recorded")),
    [],
  );
});

test("I5: a path that has the hash of a standing one is not taken for it", async () => {
  const folder = scratch();
  const hidden = makeInode(folder);
  const { run, events } = await attack("standing_names", ["alike", "500"], { cwd: folder });
  assert.is(run.stdout.trim(), "d".repeat(500));
  const told = toldOf(events, folder, hidden);
  expectNoneWrong(told, run.stdout.trim(), events);
  if (process.env.VEDETTE_TEST_TIERS !== undefined) return;
  assert.is(told[0], "?", "the stub has taken it for the other one");
  assert.equal(notices(events, "TIER_DEGRADED"), ["what it records cannot be confirmed"]);
});

test("I5: control: a program moves names beside a standing path, and its file once", async () => {
  const folder = scratch();
  const hidden = makeInode(folder);
  const { run, events } = await control("standing_names", ["moved", "300"], { cwd: folder });
  assert.is(toldOf(events, folder, hidden), run.stdout.trim());
  assert.match(run.stdout, /^h{302}d{598}\n$/);
  assert.equal([...notices(events, "UNCERTAIN"), ...notices(events, "TIER_DEGRADED")], []);
});

test.run();

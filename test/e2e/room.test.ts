// SPDX-License-Identifier: Apache-2.0
//
// Others who want the addresses where the agent's memory lies: they get what they get bare, or another place;
// nobody is accused.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { hasCommand, run, scratch } from "./programs.js";
import { type Event, notices, ofType, trace } from "./traces.js";

const seeks = (events: Event[], fd: number): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === fd);

test("a hint at the agent's addresses gets another place, as where something lies", async () => {
  const argv = [buildFixture("room"), "hints"];
  const bare = await run(argv, { cwd: scratch() });
  const { run: watched, events } = await trace("room-hints", argv, { cwd: scratch() });
  assert.is(bare.status, 0);
  assert.is(watched.status, 0);
  assert.is(watched.stdout, bare.stdout);
  assert.is(seeks(events, 9000).length, 60);
  assert.ok(seeks(events, 9000).some((event) => event["vedette.tier"] === "inline"));
  assert.equal(notices(events, "TAMPER"), []);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
  const low = ofType(events, "mmap").filter((event) => Number(event["evt.rawres"]) < 0x200000);
  assert.equal(low, []);
});

test("a fixed place beside the agent's page is granted, and over it the kernel says that something lies there", async () => {
  const { run: watched, events } = await trace("room-beside", [buildFixture("room"), "beside_page"], {
    cwd: scratch(),
  });
  assert.is(watched.status, 0);
  assert.is(watched.stdout, "beside mapped\nprotect 0\nunmap 0\nover the page, if nothing is there: EEXIST\n");
  assert.is(seeks(events, 9000).length, 20);
  assert.equal(notices(events, "TAMPER"), []);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
});

test("who takes all low addresses has them, and each of its calls stops: none from a gate's address is missing", async () => {
  const { run: watched, events } = await trace("room-all", [buildFixture("room"), "takes_all"], { cwd: scratch() });
  assert.is(watched.status, 0);
  assert.is(watched.stdout, "all mapped\n");
  assert.is(seeks(events, 9000).length, 20);
  const places = Array.from({ length: 0x4000 - 8 }, (_, index) => index);
  for (const fd of [9001, 9002, 9003]) {
    const made = seeks(events, fd);
    assert.equal(
      made.map((event) => Number(event["evt.arg.offset"])),
      places,
      `${fd}`,
    );
    assert.ok(made.every((event) => event["vedette.tier"] !== "inline"));
  }
  assert.equal(notices(events, "TAMPER"), []);
  assert.equal(notices(events, "TIER_DEGRADED"), [
    "the program maps memory where the agent's page lies: each of its calls stops",
  ]);
});

const TOOLS: Record<string, string[]> = { memcheck: [], helgrind: [], callgrind: ["--callgrind-out-file=/dev/null"] };

for (const [tool, options] of Object.entries(TOOLS)) {
  const title = `valgrind's ${tool} says of a program what it says bare`;
  if (!hasCommand("valgrind")) {
    console.log(`skip: ${title}: no valgrind on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    for (const args of [[], ["wrong"]]) {
      const argv = ["valgrind", `--tool=${tool}`, "--error-exitcode=9", ...options, buildFixture("leaks"), ...args];
      const bare = await run(argv, { cwd: scratch() });
      const { run: watched, events } = await trace(`valgrind-${tool}`, argv, { cwd: scratch() });
      // Process ids and addresses; and callgrind's count of instructions, which differs between two bare runs
      // too.
      const plain = (text: string): string =>
        text
          .replace(/^(==|--)\d+\1/gm, "")
          .replace(/0x[0-9A-F]+/g, "ADDRESS")
          .replace(/(refs:|Collected :) +[\d,]+/g, "$1 COUNT");
      assert.is(watched.status, bare.status, watched.stderr);
      assert.is(watched.stdout, bare.stdout);
      assert.is(plain(watched.stderr), plain(bare.stderr));
      assert.equal(notices(events, "TAMPER"), []);
    }
  });
}

test.run();

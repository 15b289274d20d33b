// SPDX-License-Identifier: Apache-2.0
// What is said off a terminal of something that takes long: one line, once, and none where it is soon over.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Delay } from "../../../host/cli/delay.js";
import { until } from "../../until.js";

test("one line is said once it takes long, and none where it was over before, or never began", async () => {
  const said: string[] = [];
  const tell = (line: string) => void said.push(line);
  const made = (what: string, isTerminal = false) => new Delay(what, { isTerminal, afterMs: 1, tell });
  const [over, idle, long, drawn] = [made("over"), made("idle"), made("long"), made("drawn", true)];
  drawn.begin();
  over.begin();
  over.end();
  long.begin();
  long.begin();
  await until("it is said", () => said.length > 0);
  long.end();
  long.begin();
  idle.end();
  let ticks = 0; // later timers of the same length have run when this one has
  for (const done of [1, 2]) setTimeout(() => (ticks = done), done);
  await until("others had their time", () => ticks === 2);
  assert.equal(said, ["vedette: long"]);
});

test.run();

// SPDX-License-Identifier: Apache-2.0
//
// What leaves the watch of a program that was attached (`--pid`), whose calls are made as they came.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "../e2e/fixtures.js";
import { scratch, start, VEDETTE } from "../e2e/programs.js";
import { notices, ofType, readEvents } from "../e2e/traces.js";
import { until } from "../until.js";

test("C9: a child that is to be traced by nobody is made as its program wants it, and told of", async () => {
  const folder = scratch();
  const path = join(folder, "events.jsonl");
  const script = `until [ -e go ]; do :; done; exec '${buildFixture("untraced")}'`;
  const program = start(["sh", "-c", script], { cwd: folder });
  const vedette = start([...VEDETTE, "trace", "--json", "-o", path, "--pid", String(program.child.pid)]);
  await until(
    "the attachment",
    () => !/^TracerPid:\s*0$/m.test(readFileSync(`/proc/${program.child.pid}/status`, "utf8")),
  );
  writeFileSync(join(folder, "go"), "");
  const ended = await program.ended;
  assert.match(ended.stdout, /^\d+ 0\n\d+ 0\n$/);
  assert.is((await vedette.ended).status, 0);
  const events = readEvents(path);
  const made = ofType(events, "mkdirat").map((event) => event["evt.arg.path"]);
  assert.equal(made, [join(folder, "untraced")], "the first child is watched, the second is not");
  assert.equal(notices(events, "UNSEEN"), ["its child asks to be traced by nobody"]);
});

test.run();

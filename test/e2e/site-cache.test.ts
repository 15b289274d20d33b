// SPDX-License-Identifier: Apache-2.0
//
// The folder that keeps what was found out about libraries: the same records with it as without, cold, warm
// and spoilt.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch } from "./programs.js";
import { type Event, isOwn, trace } from "./traces.js";

const test = suite("site cache");
const folder = mkdtempSync(join(tmpdir(), "vedette-site-cache-"));
const program = [
  "sh",
  "-c",
  "cat /etc/passwd; for i in 1 2 3; do ls /; done; printenv VEDETTE_SITE_CACHE || echo unset",
];

const traced = (flags: string[]) => trace("site-cache", program, { cwd: scratch(), flags });
// Who made which call, as a sorted list.
const calls = (events: Event[]): string[] =>
  events
    .filter((event) => !isOwn(event))
    .map((event) => `${event["proc.name"]} ${event["evt.type"]}`)
    .sort();
const ignored = (events: Event[]): string[] =>
  events.filter((event) => event["evt.arg.kind"] === "CACHE_IGNORED").map((event) => String(event["evt.arg.text"]));
const kept = (): string[] => readdirSync(folder).sort();

test("cold, warm and without a folder the same is recorded", async () => {
  const bare = await run(program, { cwd: scratch() });
  const without = await traced([]);
  const cold = await traced(["--site-cache", folder]);
  assert.ok(kept().length >= 1, "nothing was kept");
  const warm = await traced(["--site-cache", folder]);
  for (const one of [without, cold, warm]) {
    assert.is(one.run.stdout, bare.stdout);
    assert.equal(calls(one.events), calls(without.events));
    assert.equal(ignored(one.events), []);
  }
});

test("a spoilt file is ignored, told of and replaced", async () => {
  for (const name of kept()) {
    const bytes = readFileSync(join(folder, name));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(join(folder, name), bytes);
  }
  const spoilt = await traced(["--site-cache", folder]);
  assert.ok(
    ignored(spoilt.events).some((text) => text.endsWith("is not used: it is damaged")),
    ignored(spoilt.events).join(),
  );
  assert.equal(ignored((await traced(["--site-cache", folder])).events), []);
});

test("a folder that others can write to is not used", async () => {
  chmodSync(folder, 0o777);
  const watched = await traced(["--site-cache", folder]);
  assert.equal(ignored(watched.events), [`${folder} is not used: others can write to it`]);
  assert.is(watched.run.status, 0);
  chmodSync(folder, 0o700);
});

test("the variable names the folder too, and the workload does not get it", async () => {
  const watched = await trace("site-cache", program, {
    cwd: scratch(),
    env: { VEDETTE_SITE_CACHE: join(folder, "by-variable") },
  });
  assert.match(watched.run.stdout, /unset/);
  assert.ok(readdirSync(join(folder, "by-variable")).length >= 1);
});

test.run();

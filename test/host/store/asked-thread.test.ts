// SPDX-License-Identifier: Apache-2.0
// A thread of the store that does not answer: nobody waits for ever, none is started beside it, and what is
// in memory stays.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { AskedThread, type ThreadTimes } from "../../../host/store/asked-thread.js";
import { findingLine } from "../../../host/store/lines.js";
import { MEMORY_LIMITS } from "../../../host/store/store.js";
import { told } from "./store-suite.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-asked-"));
test.after(() => rmSync(scratch, { recursive: true, force: true }));

const WAIT_MS_MAX = 60_000;
/** Opening and reading take as long as they take. */
const TIMES: ThreadTimes = { open: WAIT_MS_MAX, read: WAIT_MS_MAX, write: 50, end: 50 };
const LINE = findingLine(told(1));
const QUERY = { limit: 9, before: null };

function threadAt(path: string | null, times: Partial<ThreadTimes> = {}): AskedThread {
  const data = { path, limits: MEMORY_LIMITS, isReader: false, isGuest: false };
  return new AskedThread(data, { ...TIMES, ...times });
}

const outcome = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "answered",
    (error: Error) => error.message,
  );

/** Tries until it is answered. */
async function answered(ask: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const got = await outcome(ask());
    if (got === "answered") return;
    if (performance.now() > until) throw new Error(`expected: an answer; got: ${got}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("of one who asks a lot four questions wait, and everybody else is answered", async () => {
  const thread = threadAt(null);
  const of = (owner: string | null): Promise<string> =>
    thread.ask("page", owner, QUERY).then(
      () => "answered",
      ({ code }: VedetteError) => code,
    );
  const asked = await Promise.all([...Array.from({ length: 6 }, () => of("loud")), of("quiet"), of(null)]);
  assert.equal(asked.slice(0, 4), Array(4).fill("answered"));
  assert.equal(asked.slice(4, 6), Array(2).fill("VEDETTE_STORE_BUSY"), "it is being opened, and four wait");
  assert.equal(asked.slice(6), ["answered", "answered"]);
  await thread.close();
});

test("a thread that hangs is told to end, nobody waits for it for ever, and the next comes behind it", async () => {
  const path = join(scratch, "hangs.db");
  const thread = threadAt(path);
  await thread.open();
  const lock = new DatabaseSync(path);
  lock.exec("BEGIN IMMEDIATE"); // SQLite waits for it for seconds, in one call
  assert.match(await outcome(thread.ask("append", [LINE])), /does not answer in time/);
  assert.match(await outcome(thread.ask("page", null, QUERY)), /does not answer in time/, "behind one that hangs");
  lock.exec("ROLLBACK");
  lock.close();
  await answered(() => thread.ask("page", null, QUERY));
  await thread.close();
  assert.match(await outcome(thread.ask("page", null, QUERY)), /was closed/);
});

test("closing waits for a thread that hangs only so long", async () => {
  const path = join(scratch, "closes.db");
  const thread = threadAt(path);
  await thread.open();
  const lock = new DatabaseSync(path);
  lock.exec("BEGIN IMMEDIATE");
  const asked = outcome(thread.ask("append", [LINE]));
  await thread.close();
  assert.match(await asked, /does not answer in time/);
  lock.close();
});

test("what is in memory outlives a question that is not answered in time", async () => {
  const thread = threadAt(null, { write: 1 });
  await thread.open();
  const lines = Array.from({ length: 500 }, (_, i) => findingLine(told(i, { pid: i })));
  assert.match(await outcome(thread.ask("append", lines)), /does not answer in time/);
  let held = 0;
  await answered(async () => {
    held = (await thread.ask("overview", null, 24)).held.findings;
  });
  assert.is(held, 500);
  await thread.close();
});

test.run();

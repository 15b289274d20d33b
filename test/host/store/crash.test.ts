// SPDX-License-Identifier: Apache-2.0
// A host that is killed while it writes: what was acknowledged is there, counts agree with rows, and the
// store opens by itself.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SqliteStore } from "../../../host/store/threaded.js";

const KILLS = 4;
const WRITER = fileURLToPath(new URL("./crash-writer.ts", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "vedette-crash-"));
test.after(() => rmSync(scratch, { recursive: true, force: true }));

/** Kills the writer when it has acknowledged so many batches; gives the last number that it acknowledged. */
function killedAfter(batches: number, folder: string, from: number): Promise<number> {
  const writer = spawn(process.execPath, ["--import", "tsx", WRITER, folder, String(from)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  writer.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    if (text.split("\n").length > batches) writer.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    // All that it said is read, and a line that is not whole is none.
    writer.on("close", (_, signal) => {
      if (signal === "SIGKILL") resolve(Number(text.split("\n").at(-2)));
      else reject(new Error(`the writer ended by itself: ${text}`));
    });
  });
}

test("nothing that was acknowledged is lost, however often the writer is killed", async () => {
  const folder = join(scratch, "store");
  let from = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const acknowledged = await killedAfter(3 + 5 * kill, folder, from);
    assert.ok(acknowledged > from, `it acknowledged ${acknowledged}`);
    const store = await SqliteStore.open({ folder, onFault: (error) => assert.unreachable(error.message) });
    const { held } = await store.overview(null, 24);
    await store.close();
    const db = new DatabaseSync(join(folder, "vedette.db"));
    const numbers = new Set(
      db
        .prepare("SELECT text FROM word WHERE text LIKE 'rule %'")
        .all()
        .map(({ text }) => Number(String(text).slice(5))),
    );
    const rows = (table: string, count = "count(*)") =>
      Number(Object.values(db.prepare(`SELECT ${count} FROM ${table}`).get()!)[0]);
    for (let i = 0; i <= acknowledged; i++) assert.ok(numbers.has(i), `finding ${i} of ${acknowledged} is lost`);
    assert.is(rows("incident") >= Math.floor(acknowledged / 50) + 1, true);
    assert.equal(rows("finding"), held.findings);
    assert.equal(rows("rollup_minute", "sum(count)"), held.findings);
    assert.equal(rows("rollup_hour", "sum(count)"), held.findings);
    assert.equal(rows("finding_text"), held.findings);
    assert.equal(
      db.prepare("PRAGMA integrity_check").get(),
      Object.assign(Object.create(null), { integrity_check: "ok" }),
    );
    db.close();
    from = Math.max(...numbers) + 1;
  }
});

test.run();

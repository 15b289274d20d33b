// SPDX-License-Identifier: Apache-2.0
// Where lines go when they cannot go there: a full disk is told once and what it costs is counted; a reader
// that went away is not.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { Outputs } from "../../../host/output/outputs.js";
import { openSink } from "../../../host/output/sink.js";
import { ALERT } from "./shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-sink-"));

test("lines come whole, and the file is its owner's alone", () => {
  const path = join(scratch, "lines");
  const sink = openSink(path, "w", "VEDETTE_SINK_UNWRITABLE", () => assert.unreachable());
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${"é".repeat(i % 50)}`);
  for (const line of lines) sink.line(line);
  sink.close();
  assert.is(readFileSync(path, "utf8"), `${lines.join("\n")}\n`);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(sink.lost, 0);
});

test("a full disk is told once, and every line that it costs is counted", () => {
  const faults: VedetteError[] = [];
  const sink = openSink("/dev/full", "a", "VEDETTE_SINK_UNWRITABLE", (error) => void faults.push(error));
  sink.line("one");
  sink.line("two");
  assert.is(sink.lost, 0, "nothing was tried yet");
  sink.flush();
  assert.is(sink.lost, 2);
  sink.line("three");
  sink.close();
  assert.is(sink.lost, 3);
  assert.equal(
    faults.map((fault) => [fault.code, fault.message]),
    [["VEDETTE_SINK_UNWRITABLE", "Alerts cannot be written to /dev/full: no space left on device."]],
  );
});

test("of several targets, the one that is full keeps no other from its alerts", async () => {
  const path = join(scratch, "alerts");
  const faults: string[] = [];
  const outputs = await Outputs.open({
    targets: ["/dev/full", path],
    onFault: (error) => void faults.push(error.code),
  });
  for (let i = 0; i < 3; i++) outputs.write(ALERT);
  assert.is(await outputs.close(), 3);
  assert.equal(faults, ["VEDETTE_SINK_UNWRITABLE"]);
  assert.is(readFileSync(path, "utf8").match(/"rule":"R"/g)?.length, 3);
});

test("a reader that went away is no fault, and nothing was lost that anybody wanted", () => {
  const sinkModule = fileURLToPath(new URL("../../../host/output/sink.ts", import.meta.url));
  const writer = `
    import { openSink } from ${JSON.stringify(sinkModule)};
    const sink = openSink("stdout", "a", "VEDETTE_SINK_UNWRITABLE", (error) => console.error(error.message));
    for (let i = 0; i < 100_000; i++) sink.line("a line " + i);
    sink.close();
    console.error(sink.isBroken + " " + sink.lost);`;
  const node = `"${process.execPath}" --import tsx --input-type=module -e '${writer}'`;
  const { stdout, stderr } = spawnSync("sh", ["-c", `${node} | head -n 1`], { encoding: "utf8", timeout: 60_000 });
  assert.is(stdout, "a line 0\n");
  assert.is(stderr.trim(), "true 0");
});

test.after(() => rmSync(scratch, { recursive: true }));
test.run();

// SPDX-License-Identifier: Apache-2.0
//
// Somebody sets the time of day while the agent records: an hour ahead, then two back. In a guest under QEMU,
// whose clock is its own and whose kernel is one that Fargate is known to run.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LOST } from "../../build/generated/events.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";
import { fieldValue } from "../../host/wire/fields.js";
import { missingForKernels, runUnder } from "../lab/kernel.js";
import { debianKernel } from "../lab/kernel-package.js";

const missing = missingForKernels("x86_64");
const kernel = missing === null ? debianKernel("5.10") : null;
const HEAD = 4;
const [HOUR_S, NEAR_S] = [3600, 30];
/** Opens of each mark, a pause of the agent's batch after each, and what the clock says before the next. */
const MARKS = 40;
const part = (name: string) => `
  i=0; while [ $i -lt ${MARKS} ]; do cat /proc/${name}-$i 2>/dev/null; i=$((i+1)); done; sleep 0.1; date +%s > /tmp/${name}.clock`;
const WORKLOAD = `${part("before")}
  date -s @$(($(date +%s) + ${HOUR_S})) > /dev/null; sleep 0.1 ${part("ahead")}
  date -s @$(($(date +%s) - ${2 * HOUR_S})) > /dev/null; sleep 0.1 ${part("back")}
  exit 9`;

function batchesIn(path: string): { batches: Batch[]; hasEnd: boolean } {
  const bytes = readFileSync(path);
  const batches: Batch[] = [];
  let hasEnd = false;
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const frame = Uint8Array.from(bytes.subarray(at + HEAD, at + HEAD + bytes.readUInt32LE(at)));
    at += HEAD + frame.length;
    if (Buffer.from(frame.subarray(1, 9)).toString("latin1") === "\xa7vedette") batches.push(openBatch(frame));
    else hasEnd ||= Buffer.from(frame.subarray(1, 5)).toString("latin1") === "\xa3end";
  }
  return { batches, hasEnd };
}

if (kernel !== null)
  test("a clock that is set an hour ahead and two back loses nothing, and times follow it", () => {
    const folder = mkdtempSync(join(tmpdir(), "clock-"));
    test.after(() => rmSync(folder, { recursive: true, force: true }));
    const script = `cd /tmp
      /vedette-capture --host fd:3 -- /bin/sh /workload > /out/txt 2> /out/err 3> /out/frames; echo $? > /out/status
      cp /tmp/*.clock /out/`;
    const file = join(folder, "workload");
    writeFileSync(file, WORKLOAD);
    const out = join(folder, "out");
    runUnder(kernel, { "/vedette-capture": "build/vedette-capture", "/workload": file }, script, folder, out);
    assert.equal([readFileSync(join(out, "status"), "utf8"), readFileSync(join(out, "err"), "utf8")], ["9\n", ""]);

    const { batches, hasEnd } = batchesIn(join(out, "frames"));
    assert.ok(hasEnd);
    assert.equal(
      batches.at(-1)!.lost.map(Number),
      LOST.map(() => 0),
    );
    const [name, latency] = [fieldValue("evt.arg.name")!, fieldValue("evt.latency")!];
    const opens = batches.flatMap((batch) =>
      [...batch.offsets].map((at) => ({
        path: String(name(batch, at)),
        second: Number(batch.recordView.getBigUint64(at + 8, true) / 1_000_000_000n),
        latency: Number(latency(batch, at)),
      })),
    );
    for (const part of ["before", "ahead", "back"]) {
      const marks = opens.filter(({ path }) => path.startsWith(`/proc/${part}-`));
      assert.equal(
        marks.map(({ path }) => path),
        Array.from({ length: MARKS }, (_, i) => `/proc/${part}-${i}`),
        "each once, in order",
      );
      const clock = Number(readFileSync(join(out, `${part}.clock`), "utf8"));
      for (const { second } of marks)
        assert.ok(Math.abs(second - clock) < NEAR_S, `${part}: ${second}, not about ${clock}`);
    }
    for (const { latency } of opens) assert.ok(latency < 3_600e9, `a call of ${latency} ns`);
  });
else console.log(`skip: a clock that is set: ${missing ?? "Debian's package of Linux 5.10"} is missing`);

test.run();

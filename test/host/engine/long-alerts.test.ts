// SPDX-License-Identifier: Apache-2.0
// Alerts whose texts a workload made long: cut, marked, and paid for out of their rule's limit; and what each
// alert is about.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PolicyRunner } from "../../../host/engine/runner.js";
import { alertJson } from "../../../host/output/alert.js";
import {
  boundText,
  COST_BYTES,
  FIELD_BYTES_MAX,
  FIELDS_BYTES_MAX,
  SENTENCE_BYTES_MAX,
} from "../../../host/output/alert-bounds.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { policyOf } from "./shared.js";

const LINE_BYTES = 60 << 10;
const BURST = 30;

/** Failed opens of a process with a command line of so many bytes. */
function batchOf(lineBytes: number, count: number, first = 1): Batch {
  const builder = new BatchBuilder({ first });
  const process = builder.process({ pid: 7, name: "sh", args: ["x".repeat(lineBytes - 3)] });
  for (let i = 0; i < count; i++)
    builder.record("openat", { process, result: -2, params: { dirfd: -100, name: "/x", flags: 0 } });
  return openBatch(builder.bytes());
}

async function runner(): Promise<PolicyRunner> {
  const policy = await policyOf("p");
  const rules = policy.rules.map((rule) => ({ ...rule, output: "ran %proc.cmdline" }));
  return new PolicyRunner({ ...policy, rules, alerts: { burst: BURST, perMinute: 1 } });
}

test("an alert of a 60 KiB command line is cut and marked, in its sentence and in its field", async () => {
  const [alert] = (await runner()).judge(batchOf(LINE_BYTES, 1)).alerts;
  assert.ok(Buffer.byteLength(alert!.output) <= SENTENCE_BYTES_MAX);
  assert.match(alert!.output, /^ran sh xxxxx+\.\.\.\(cut: 6\d{4} bytes\)$/);
  const line = new Map(alert!.outputFields).get("proc.cmdline") as string;
  assert.ok(Buffer.byteLength(line) <= FIELD_BYTES_MAX);
  assert.match(line, new RegExp(`^sh x+\\.\\.\\.\\(cut: ${LINE_BYTES} bytes\\)$`));
  assert.is(alert!.finding?.isCut, true);
  assert.ok(alertJson(alert!).length < SENTENCE_BYTES_MAX + FIELD_BYTES_MAX + 1024);
});

test("it costs its rule's limit what it would have taken: so many long alerts take the place of many short ones", async () => {
  const short = (await runner()).judge(batchOf(100, 2 * BURST));
  assert.is(short.alerts.filter(({ source }) => source === "syscall").length, BURST);
  const long = (await runner()).judge(batchOf(LINE_BYTES, 2 * BURST));
  const raised = long.alerts.filter(({ source }) => source === "syscall").length;
  assert.is(raised, Math.ceil(BURST / Math.ceil((2 * LINE_BYTES) / COST_BYTES)));
  assert.is(long.dropped, 2 * BURST - raised);
  assert.match(long.alerts.at(-1)!.output, /more alerts of the rule were not raised/);
});

test("an alert that is as long as Falco's can be is not cut, and costs one", () => {
  const output = "x".repeat(SENTENCE_BYTES_MAX);
  const outputFields = [["proc.cmdline", "y".repeat(FIELD_BYTES_MAX)]] as const;
  assert.equal(boundText({ output, outputFields }), {
    output,
    outputFields: [["proc.cmdline", outputFields[0][1]]],
    cost: 1,
  });
});

test("lists lose their last entries, and all fields together are bounded", () => {
  const list = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(200, "a"));
  const outputFields = [
    ["proc.aname", list],
    ...Array.from({ length: 30 }, (_, i) => [`f${i}`, "z".repeat(8000)] as const),
  ] as const;
  const { outputFields: cut, cost } = boundText({ output: "o", outputFields });
  const first = cut[0]![1] as string[];
  assert.equal(first.slice(0, 40), list.slice(0, 40));
  assert.match(first.at(-1)!, /\.\.\.\(cut: 200 bytes\)$/);
  const bytes = Buffer.byteLength(JSON.stringify(cut.map(([, value]) => value)));
  assert.ok(bytes < FIELDS_BYTES_MAX + 2048, `${bytes}`);
  assert.is(cost, Math.ceil((1 + 100 * 200 + 30 * 8000) / COST_BYTES));
  assert.equal(
    cut.map(([name]) => name),
    outputFields.map(([name]) => name),
    "no field goes",
  );
});

test("an alert says of which event, policy and version it is", async () => {
  const batch = batchOf(100, 3, 500);
  const { alerts } = (await runner()).judge(batch);
  assert.equal(
    alerts.map(({ finding }) => [finding?.event.num, finding?.policy, finding?.version, finding?.tenant]),
    [
      [500, "p", "1", null],
      [501, "p", "1", null],
      [502, "p", "1", null],
    ],
  );
});

test.run();

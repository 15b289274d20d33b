// SPDX-License-Identifier: Apache-2.0
// A host's outputs without the host: takes findings as long as it lives, up to a number, and writes the id of
// each that it took into a file. To be killed. When all were sent it writes `empty`.
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { findingId } from "../../../host/finding/finding.js";
import { outputsOf } from "../../../host/output/registry.js";
import { CONNECT, FINDING } from "./shared.js";

const [folder = "", url = "", round = "", told = ""] = process.argv.slice(2);
const fd = openSync(told, "a");
const COUNT = 2000;

const settings = { url: `${url}/v1/logs`, userAgent: "vedette", capacity: 100, hasIncidents: false };
const disk = { folder, bytes: 16 << 20 };
const [queue] = await outputsOf(
  { targets: [], named: [{ name: "siem", kind: "otlp", settings, disk }] },
  { onFault: () => undefined },
);
if (queue === undefined) throw new Error("there is no queue");
queue.start();
for (let i = 0; i < COUNT; i++) {
  const finding = { ...FINDING, tid: Number(round) * COUNT + i };
  queue.write({ ...CONNECT, finding });
  writeSync(fd, `${findingId(finding)}\n`);
  if (i % 20 === 0) await turn();
}
while (queue.stats().queued > 0) await sleep(20);
writeSync(fd, "empty\n");
await sleep(600_000);

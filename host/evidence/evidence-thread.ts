// SPDX-License-Identifier: Apache-2.0
// The thread of evidence: reads the ring beside the policy workers, where nobody waits for it, and writes
// files. So neither a copy nor a slow disk holds up the host's first thread. Orders come as messages, and are
// looked for between two batches.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { RingReader } from "../capture/ring.js";
import { collector, forgetStart } from "../heap.js";
import { EvidenceFolder } from "./evidence-folder.js";
import { Keeper } from "./keeper.js";
import type { EvidenceBounds, News, Order } from "./parts.js";

/** What the thread starts with. */
export interface EvidenceData {
  readonly folder: string;
  readonly bounds: EvidenceBounds;
  readonly ring: SharedArrayBuffer;
  /** Its place there. */
  readonly reader: number;
}

const WAIT_MS = 50;
const TICK_MS = 1_000;
/** Blocks that were written leave a MiB each second. */
const COLLECT_MS = 5_000;

const port = parentPort!;
const { folder, bounds, ring, reader: place } = workerData as EvidenceData;
const tell = (news: News): void => port.postMessage(news);
const keeper = new Keeper(new EvidenceFolder(folder, bounds), bounds, tell);
const reader = new RingReader(ring, place);

forgetStart();
const collect = collector();
let ticked = performance.now();
let collected = ticked;
let isOver = false;
while (!isOver) {
  const raw = reader.next(WAIT_MS);
  const now = performance.now();
  if (raw !== null) keeper.take(raw, now);
  for (let message = receiveMessageOnPort(port); message !== undefined; message = receiveMessageOnPort(port)) {
    const order = message.message as Order;
    if (order.kind === "keep")
      keeper.keep(order, performance.now()); // what was before may have taken long
    else if (order.kind === "identify") keeper.identify(order);
    else if (order.kind === "begin") keeper.recover();
    else isOver = true;
  }
  if (now - ticked >= TICK_MS) {
    ticked = now;
    keeper.tick(now);
    if (now - collected >= COLLECT_MS) {
      collected = now;
      collect();
    }
  }
}
for (let raw = reader.next(0); raw !== null; raw = reader.next(0)) keeper.take(raw, performance.now());
reader.detach();
keeper.end();
tell({ kind: "ended" });
port.close();

// SPDX-License-Identifier: Apache-2.0
//
// Batches of real programs, recorded now by the agent: a shell that lists, reads, searches and connects. Kept
// in memory, so that a benchmark of what comes behind them measures nothing else.
import { Capture } from "../../host/capture/agent.js";
import { RingReader } from "../../host/capture/ring.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";

const WORK = `
  for i in 1 2 3 4 5; do
    ls -lR /usr/lib/python3 /etc >/dev/null 2>&1
    grep -r localhost /etc/hosts /etc/services /etc/ssl >/dev/null 2>&1
    find /usr/share/doc -name 'c*' >/dev/null 2>&1
    cat /etc/passwd /etc/group | sort | uniq -c >/dev/null
  done`;
const READ_MS = 50;

/** Records until the programs end, or `most` events are there. */
export async function recordBatches(most: number, command: readonly string[] = ["sh", "-c", WORK]): Promise<Batch[]> {
  const batches: Batch[] = [];
  const capture = new Capture();
  const reader = new RingReader(capture.ring, capture.reader());
  capture.start({ command, options: ["--tiers", "trace"] });
  let events = 0;
  while (!reader.ended) {
    const raw = reader.next(0);
    if (raw === null) await new Promise((resolve) => setTimeout(resolve, READ_MS));
    else if (events < most) {
      batches.push(openBatch(Uint8Array.from(raw.bytes)));
      events += raw.count;
    }
  }
  reader.detach();
  return batches;
}

// SPDX-License-Identifier: Apache-2.0
// A recording that is small as a file and large when it is read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RecordingWriter } from "../../host/recording/recording.js";
import { BatchBuilder } from "../../host/wire/builder.js";

/** 200 writes of 4 KiB in each batch: a few KiB as a file, which it makes in `folder`. */
export function largeRecording(folder: string, batches: number): Uint8Array {
  const path = join(folder, "made.rec");
  const writer = new RecordingWriter(path);
  for (let seq = 1; seq <= batches; seq++) {
    const builder = new BatchBuilder({ seq, first: seq * 1_000, clock: 1n, source: Buffer.alloc(16, 1) });
    for (let i = 0; i < 200; i++) builder.record("write", { params: { data: Buffer.alloc(4_096, i), size: 4_096 } });
    writer.batch(1, builder.bytes(), 200);
  }
  writer.close();
  return readFileSync(path);
}

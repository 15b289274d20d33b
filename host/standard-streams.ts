// SPDX-License-Identifier: Apache-2.0
// Stands in front of process.stdout and process.stderr. Node opens them where nobody asked: when a module is
// loaded that may print in colours (from Node 24 on), and for each thread that is started. An opened one
// makes the pipe behind it non-blocking, and that pipe is the workload's too. What stands here instead writes
// with write(2) and leaves the pipe as it is. Our own lines go by host/output/sink.ts.
import { writeSync } from "node:fs";
import { Writable } from "node:stream";

const STREAMS = { stdout: 1, stderr: 2 } as const;

for (const [name, fd] of Object.entries(STREAMS)) {
  const stream = new Writable({
    decodeStrings: true,
    write: (bytes: Uint8Array, _encoding, done) => {
      try {
        writeSync(fd, bytes);
      } catch {
        // Nobody reads it, or not now: as it would be lost at the end of a process.
      }
      done();
    },
  });
  Object.defineProperty(process, name, { configurable: true, enumerable: true, value: Object.assign(stream, { fd }) });
}

// SPDX-License-Identifier: Apache-2.0
// An agent's side of a stream, by hand: frames with their size in front.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packr } from "msgpackr";
import { SCHEMA } from "../../../build/generated/events.js";
import { ROOT } from "../../../host/paths.js";

export const FAKE_AGENT = join(ROOT, "test/host/capture/fake-agent.sh");
const packr = new Packr({ useRecords: false });

export function frame(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
}

export function hello(schema: bigint = SCHEMA): Buffer {
  const info = {
    pid: 1,
    hostname: "box",
    command: ["cat", "x"],
    agent: "0.2.0",
    kernel: "6.1",
    arch: "x86_64",
    tiers: ["trace"],
    snaplen: 80,
    container: null,
    secret: null,
  };
  return frame(packr.pack(["hello", 1, schema, Buffer.alloc(16, 0xab), info]));
}

export const end = (status: number, signal = 0, lost: readonly number[] = [0, 0, 0, 0, 0]): Buffer =>
  frame(packr.pack(["end", status, signal, lost]));

/** A file that the fake agent sends. */
export function streamFile(...frames: readonly Uint8Array[]): string {
  const path = join(mkdtempSync(join(tmpdir(), "vedette-test-")), "stream");
  writeFileSync(path, Buffer.concat(frames));
  return path;
}

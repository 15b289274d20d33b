// SPDX-License-Identifier: Apache-2.0
// The thread that makes one capture of one recording, and ends. What came from a container decides how much
// work and memory that takes, so it is done apart from the thread that keeps batches: where this one fails,
// or takes too long, the recording is there all the same. It leaves the processor to others.
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { captureOf } from "../recording/scap/capture-of.js";
import { EvidenceFolder } from "./evidence-folder.js";
import type { CaptureOrder } from "./parts.js";

/** A third of the processor where others want it as well. */
const NICE = 5;

const { folder, bounds, name, form, end } = workerData as CaptureOrder;
giveWay();
const evidence = new EvidenceFolder(folder, bounds);
const flag = new Int32Array(end);
const isUnwanted = (): boolean => Atomics.load(flag, 0) !== 0;
const limits = { listBytes: bounds.captureListBytes, fileBytes: bounds.fileBytes, isUnwanted };
const summary = captureOf(evidence.recording(name), evidence.capture(name, form), limits);
parentPort!.postMessage(evidence.addCapture(name, form, summary));

/** Linux has a priority for each thread (setpriority(2)). */
function giveWay(): void {
  try {
    const [, , tid] = readlinkSync("/proc/thread-self").split("/");
    setPriority(Number(tid), NICE);
  } catch {
    // No /proc: it runs as others do.
  }
}

// SPDX-License-Identifier: Apache-2.0
// Bounds what compiling rules may take of the process's memory: beyond it the command ends with an error that
// says so, instead of being ended by V8 or by the kernel, and what else the process does goes on until then.
import { getHeapStatistics } from "node:v8";
import { VedetteError } from "../../errors.js";

const BYTES_MAX = 2 ** 31;
/** Of what V8 gives the process, where that is less. */
const SHARE_MAX = 0.75;
/** How many steps between two looks: a step takes a few kilobytes at most. */
const STEPS = 500;

let steps = 0;

/** One step of compiling. Throws VEDETTE_FALCO_TOO_MUCH where the process's heap is beyond the bound. */
export function boundMemory(): void {
  if (steps++ % STEPS !== 0) return;
  const { used_heap_size: used, external_memory: outside, heap_size_limit: limit } = getHeapStatistics();
  const most = Math.min(BYTES_MAX, SHARE_MAX * limit);
  if (used + outside <= most) return;
  const reason = `compiling them takes more than ${Math.round(most / 2 ** 20)} MiB of memory`;
  throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason });
}

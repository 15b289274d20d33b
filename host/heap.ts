// SPDX-License-Identifier: Apache-2.0
// How much V8 takes for young objects. From Node 24 on the first thread's young generation grows to 128 MiB
// under load, and never shrinks. Its bound is a flag that V8 reads before any code of ours runs. These flags
// work at run time: the first thread keeps what it has by then, and each later one begins and stays at 4 MiB.
// What the host makes is short-lived. 6 million objects took a thread 0.12 s of CPU time with 4 MiB, 0.09 s
// with 8 or 16, and 0.20 s with 2.
import { setFlagsFromString } from "node:v8";

/**
 * `semi-space-growth-factor`: by how much a young generation grows at once. `min-semi-space-size`: half of it
 * at the start, in MiB.
 */
const SMALL = { "semi-space-growth-factor": 1, "min-semi-space-size": 2 };
const OF_V8: typeof SMALL = { "semi-space-growth-factor": 2, "min-semi-space-size": 0 };

let isLeftAlone = false;

/**
 * For this process, from now on. Called as early as can be (image/start.ts), and before the first thread is
 * started.
 */
export function keepHeapSmall(): void {
  if (!isLeftAlone) set(SMALL);
}

/**
 * For a command that ends soon: a thread then starts with the code that Node has of its own modules, which V8
 * takes only under its own flags. Anew, it takes a thread 40 ms to compile.
 */
export function leaveHeapAlone(): void {
  isLeftAlone = true;
}

/** Undoes keepHeapSmall. */
export function letHeapGrow(): void {
  set(OF_V8);
}

function set(flags: typeof SMALL): void {
  for (const [name, value] of Object.entries(flags)) setFlagsFromString(`--${name}=${value}`);
}

// SPDX-License-Identifier: Apache-2.0
// How much V8 takes for young objects. From Node 24 on the first thread's young generation grows to 128 MiB
// under load, and never shrinks. Its bound is a flag that V8 reads before any code of ours runs. These flags
// work at run time: the first thread keeps what it has by then, and each later one begins and stays at 4 MiB.
// What the host makes is short-lived. 6 million objects took a thread 0.12 s of CPU time with 4 MiB, 0.09 s
// with 8 or 16, and 0.20 s with 2.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

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

/**
 * For a process that has less than one processor, from now on, all its threads: V8 interprets JavaScript and
 * makes no machine code of it. That code, what its compilers work in, and the pages of Node's that they are
 * took 12 MiB of a host with 20,000 events a second, which spent no less on its few functions that are hot
 * enough. With 120,000 events a second a host takes a tenth more processor time so. WebAssembly is compiled
 * all the same.
 */
export function compileNoScripts(): void {
  for (const tier of ["sparkplug", "maglev", "opt"]) setFlagsFromString(`--no-${tier}`);
}

/**
 * Frees what the thread that calls it does not use any more, and what Buffers hold outside of V8's heap. V8
 * does not do so by itself before there are tens of MiB of it. A heap of 7 MiB takes 6 ms.
 */
export function collector(): () => void {
  const collect = collection();
  return () => collect({ type: "major" });
}

/** The same, once, and the heap takes as few pages as can be. It takes longer. */
export function collectAll(): void {
  collection()({ type: "major", flavor: "last-resort" });
}

/**
 * The same for a thread that has started and not begun its work. What V8 has compiled of functions goes, too:
 * it is of the start, and what is called again is compiled again. A thread of Node's that runs nothing has
 * 6.2 MiB then in place of 8.8. Later it would hold up who waits for processor time in a small task.
 */
export function forgetStart(): void {
  setFlagsFromString("--stress-flush-code");
  collectAll();
  setFlagsFromString("--no-stress-flush-code");
}

type Collect = (how: { readonly type: "major"; readonly flavor?: "last-resort" }) => void;

function collection(): Collect {
  setFlagsFromString("--expose-gc"); // a context has it that is made meanwhile
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

/** Undoes keepHeapSmall. */
export function letHeapGrow(): void {
  set(OF_V8);
}

function set(flags: typeof SMALL): void {
  for (const [name, value] of Object.entries(flags)) setFlagsFromString(`--${name}=${value}`);
}

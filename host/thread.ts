// SPDX-License-Identifier: Apache-2.0
// Starts a thread from one of our files. In a built tree that is the file that the build made, with
// everything it imports. When we run from the sources (tests), it is the TypeScript file, and the thread
// registers tsx again: Node gives a thread the flags of its process, but not what the process has registered.
import { Worker, type WorkerOptions } from "node:worker_threads";
import { keepHeapSmall } from "./heap.js";

/**
 * V8 maps the range for a thread's compiled JavaScript as writable from the start
 * (v8/src/heap/code-range.cc): 512 MiB, where nothing is said. A bound on a process's memory counts it,
 * whether used or not. A thread of ours uses a few MiB; WebAssembly lies elsewhere.
 */
const LIMITS = { codeRangeSizeMb: 32 };
const IS_SOURCE = import.meta.url.endsWith(".ts");

/** `file`: relative to the module `from` (its `import.meta.url`), without its ending. */
export function startThread(from: string, file: string, options: WorkerOptions): Worker {
  keepHeapSmall();
  const url = new URL(`${file}${IS_SOURCE ? ".ts" : ".cjs"}`, from);
  const limited = { ...options, resourceLimits: { ...LIMITS, ...options.resourceLimits } };
  if (!IS_SOURCE) return new Worker(url, { ...withoutTsx(), ...limited });
  const register = `import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))})`;
  const script = `${register}.then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(script, { ...limited, eval: true });
}

/**
 * A built thread has no use for tsx, which takes 200 ms to load, where a test runs the built engine under it.
 */
function withoutTsx(): WorkerOptions {
  const at = process.execArgv.indexOf("tsx");
  return at < 1 ? {} : { execArgv: process.execArgv.toSpliced(at - 1, 2) };
}

// SPDX-License-Identifier: Apache-2.0
// The first file that runs in the sidecar: it gives V8 the host's code compiled already. At a quarter of a
// CPU a task that waits for its sidecar waits for CPU time, and a third of that went into compiling.
// `npm run package` keeps what one start has compiled (code-cache.ts) beside the code. It fits one version of
// V8 under one set of flags; another compiles anew, and is only slower.
//
// The host's flags keep its heap small (heap.ts). They must be set before its code is there, or V8 takes 12
// MiB for young objects while it reads that code. Node's own code fits Node's own flags alone. So the image's
// command gives no flag; Node's modules come first, then the flags, then the host.
import { readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { keepHeapSmall, letHeapGrow } from "../heap.js";

/** The bundled host, in the folder of this file. */
export const HOST_FILE = "main.cjs";
/** Requires the modules of Node that HOST_FILE imports. */
export const MODULES_FILE = "modules.cjs";
/** V8's compiled form of HOST_FILE. V8 ignores a file of another version. */
export const CACHE_FILE = "main.cache";

/** The host of `folder`, not run yet. From here on the heap stays small. */
export function readHost(folder: string): Script {
  const filename = join(folder, HOST_FILE);
  const requireOwn = createRequire(filename);
  requireOwn(`./${MODULES_FILE}`);
  keepHeapSmall();
  const cachedData = readIfThere(join(folder, CACHE_FILE));
  // The bundle is ASCII: a byte a character, also in memory.
  const source = Module.wrap(readFileSync(filename, "latin1"));
  return new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
}

/** Runs the script as a CommonJS module whose file is HOST_FILE in `folder`. */
export function runHost(script: Script, folder: string): void {
  const filename = join(folder, HOST_FILE);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, folder);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** True where this file was bundled to be started, not imported. */
declare const IS_ENTRY: boolean | undefined;
if (typeof IS_ENTRY !== "undefined") {
  const folder = dirname(fileURLToPath(import.meta.url));
  const script = readHost(folder);
  if (process.argv[2] !== "serve") letHeapGrow(); // what ends soon is faster so
  runHost(script, folder);
}

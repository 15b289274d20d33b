// SPDX-License-Identifier: Apache-2.0
// The first file that runs in the sidecar: it gives V8 the host's code compiled already. At a quarter of a
// CPU a task that waits for its sidecar waits for CPU time, and a third of that went into compiling.
// `npm run package` keeps what one start has compiled (code-cache.ts) beside the code. It fits one version of
// V8 under one set of flags; another compiles anew, and is only slower. Node's own code is kept in the same
// way, so the image's command gives no flag of V8's: host/heap.ts sets what must be set, once the code is
// there.
import { readFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

/** The bundled host, in the folder of this file. */
export const HOST_FILE = "main.cjs";
/** V8's compiled form of HOST_FILE. V8 ignores a file of another version. */
export const CACHE_FILE = "main.cache";

/** The host of `folder`, not run yet. */
export function readHost(folder: string): Script {
  const filename = join(folder, HOST_FILE);
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
  runHost(readHost(folder), folder);
}

// SPDX-License-Identifier: Apache-2.0
// Starts a process that an attacker may take over: Node in vedette-jail (capture/jail), with everything
// closed that Node itself can close.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { nativeFile, ROOT } from "../paths.js";

const MIB = 1 << 20;

/** How to spawn Node in the jail: the jail's executable, and what stands before the script's path. */
export interface JailCommand {
  readonly execPath: string;
  readonly execArgv: string[];
}

/** `memoryMib`: what it may have of its own, by RLIMIT_DATA; not said: no bound. */
export function jailCommand(memoryMib?: number): JailCommand {
  const readable = [`${ROOT}/build/`, `${ROOT}/package.json`, ...modules()];
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  return {
    execPath: nativeFile("vedette-jail"),
    execArgv: [
      ...(memoryMib === undefined ? [] : ["--memory-mib", String(memoryMib + codeRangeMib())]),
      ...readable.flatMap((path) => ["--read", path]),
      process.execPath,
      "--no-warnings",
      permission,
      "--allow-worker",
      ...readable.map((path) => `--allow-fs-read=${path}`),
    ],
  };
}

/**
 * How to start Node with so much memory of its own at most, by RLIMIT_DATA, and with all else that we may do:
 * for our own compilers, which read what others wrote. Node has no call that sets such a limit; a shell has.
 */
export function boundedCommand(memoryMib: number): JailCommand {
  const kib = (memoryMib + codeRangeMib()) * 1024;
  return { execPath: "/bin/sh", execArgv: ["-c", `ulimit -d ${kib} && exec "$@"`, "sh", process.execPath] };
}

/**
 * What V8 maps for the code of a process's first thread, MiB: RLIMIT_DATA counts it, though hardly anything
 * of it is used (host/thread.ts). It is the same there as here. In /proc/PID/maps (proc_pid_maps(5))
 * it is the one that may be written and executed.
 */
function codeRangeMib(): number {
  const ranges = readFileSync("/proc/self/maps", "utf8").matchAll(/^(\w+)-(\w+) rwxp 0+ 00:00 0/gm);
  const sizes = [...ranges].map(([, from = "0", to = "0"]) => Number.parseInt(to, 16) - Number.parseInt(from, 16));
  const largest = Math.max(1, ...sizes) / MIB;
  return largest < 1 ? 0 : 2 ** Math.ceil(Math.log2(largest)); // its size is one of these; V8's own code may lie in the midst of it
}

/** The folder of the modules that we use; none in the image, which has them in its bundle. */
function modules(): string[] {
  try {
    return [`${dirname(dirname(createRequire(import.meta.url).resolve("zod/package.json")))}/`];
  } catch {
    return [];
  }
}

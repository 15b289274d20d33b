// SPDX-License-Identifier: Apache-2.0
// Starts a process that an attacker may take over: Node in vedette-jail (capture/jail), with everything closed that
// Node itself can close.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { builtFile, ROOT } from "../paths.js";

export interface JailCommand {
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

/** `memoryMib`: what it may have of its own, by RLIMIT_DATA; not said: no bound. */
export function jailCommand(memoryMib?: number): JailCommand {
  const readable = [`${ROOT}/build/`, `${ROOT}/package.json`, ...modules()];
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  return {
    execPath: builtFile("vedette-jail"),
    execArgv: [
      ...(memoryMib === undefined ? [] : ["--memory-mib", String(memoryMib)]),
      ...readable.flatMap((path) => ["--read", path]),
      process.execPath,
      "--no-warnings",
      permission,
      "--allow-worker",
      ...readable.map((path) => `--allow-fs-read=${path}`),
    ],
  };
}

/** The folder of the modules that we use; none in the image, which has them in its bundle. */
function modules(): string[] {
  try {
    return [`${dirname(dirname(createRequire(import.meta.url).resolve("zod/package.json")))}/`];
  } catch {
    return [];
  }
}

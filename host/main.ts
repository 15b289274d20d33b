#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// vedette: what is started. Standard streams are the workload's: nothing here opens process.stdin, stdout or
// stderr (host/output/sink.ts says why). Node loads what is imported before it runs anything, so the rest is
// imported once those streams are safe.
//
// The rest is one file where the build has made one of it (image/bundle.ts): five hundred modules take 0.2 s
// of CPU to find, open and compile. Who has compiled the modules anew since, or counts which lines of them
// run (NODE_V8_COVERAGE), gets the modules.
import "./node-version.js";
import "./standard-streams.js";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const SELF = fileURLToPath(import.meta.url);
const BUNDLED = fileURLToPath(new URL("../../host/start.cjs", import.meta.url));
const isBuilt = SELF.endsWith("/build/js/host/main.js");

if (isBuilt && process.env.NODE_V8_COVERAGE === undefined && madeAt(BUNDLED) >= madeAt(SELF))
  createRequire(import.meta.url)(BUNDLED);
else void import("./cli/command.js");

/** In ms; -1: it is not there. */
function madeAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -1;
}

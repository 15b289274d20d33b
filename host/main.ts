#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// vedette: reads its command line, does what it says, ends with the status that came out. Standard streams are the
// workload's: nothing here opens process.stdin, stdout or stderr (host/output/sink.ts says why).
import "./node-version.js"; // first: what follows may need more than an old Node has
import { report } from "./cli/failure.js";
import { runProgram } from "./cli/program.js";

void runProgram(process.argv.slice(2))
  .catch(report)
  .then((status) => {
    process.exitCode = status;
  });

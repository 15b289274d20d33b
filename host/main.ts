#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// vedette: reads its command line, does what it says, ends with the status that came out. Standard streams
// are the workload's: nothing here opens process.stdin, stdout or stderr (host/output/sink.ts says why). Node
// loads what is imported before it runs anything, so the rest is imported once those streams are safe.
import "./node-version.js";
import "./standard-streams.js";

void Promise.all([import("./cli/program.js"), import("./cli/failure.js")])
  .then(([{ runProgram }, { report }]) => runProgram(process.argv.slice(2)).catch(report))
  .then((status) => {
    process.exitCode = status;
  });

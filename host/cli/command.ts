// SPDX-License-Identifier: Apache-2.0
// Reads the command line, does what it says, and ends with the status that came out.
void Promise.all([import("./program.js"), import("./failure.js")])
  .then(([{ runProgram }, { report }]) => runProgram(process.argv.slice(2)).catch(report))
  .then((status) => {
    process.exitCode = status;
  });

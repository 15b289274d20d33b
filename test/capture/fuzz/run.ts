// SPDX-License-Identifier: Apache-2.0
//
// `npm run fuzz -- capture [NAME...]`: the fuzzers of the capture side for a minute, or for
// VEDETTE_FUZZ_MINUTES.
import { buildFuzzers, FUZZERS, fuzz } from "./fuzzers.js";

const minutes = Number(process.env.VEDETTE_FUZZ_MINUTES ?? 1);
const names = process.argv.slice(2);
const unknown = names.filter((name) => !FUZZERS.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no fuzzer is named ${unknown.join(", ")}; there are ${FUZZERS.join(", ")}\n`);
  process.exit(2);
}
await buildFuzzers();
const outcomes = await fuzz(Math.round(minutes * 60), names.length > 0 ? names : FUZZERS);
for (const { name, runs, wrong } of outcomes)
  console.log(wrong === "" ? `${name}: ${runs} inputs` : `WRONG: ${name}: ${wrong}`);
process.exitCode = outcomes.every(({ wrong }) => wrong === "") ? 0 : 1;

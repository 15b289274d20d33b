// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- witness [--json]`: what the witness costs the agent in CPU time: of each event, of each
// process that executes a program once, and of a second in which nothing happens. Medians of pairs that
// follow one another (bench/witness.cc).
import { execFileSync } from "node:child_process";

interface Costs {
  readonly event_ns: number;
  readonly event_ratio: number;
  readonly process_us: number;
  readonly looks_us: number;
  readonly process_share: number;
  readonly quiet_us_per_second: number;
  readonly code_us: number;
  readonly code_text_us: number;
  readonly much_code_us: number;
  readonly much_code_text_us: number;
}

execFileSync("make", ["-C", "capture", "bench"], { stdio: ["ignore", "ignore", "inherit"] });
const text = execFileSync("build/witness-bench", { encoding: "utf8" });
const costs = JSON.parse(text) as Costs;
if (process.argv.includes("--json")) console.log(text.trim());
else {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  console.log(`busy     ${costs.event_ns} ns an event without it, ${percent(costs.event_ratio - 1)} more with it`);
  console.log(`process  ${costs.looks_us} us for its three looks, ${percent(costs.process_share)} of a bare true`);
  console.log(`quiet    ${costs.quiet_us_per_second} us a second to watch the opens of ten files`);
  console.log(`code     ${costs.code_us} us a look, ${costs.code_text_us} us by the text of /proc/PID/maps`);
  console.log(`         ${costs.much_code_us} us with 500 maps more, ${costs.much_code_text_us} us by the text`);
}

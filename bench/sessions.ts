// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- sessions [--json] [--seconds N] [--rounds N]`: what it takes to see who comes into a
// container from outside. Needs root and runc.
import { type Found, measureSessions } from "./measure/sessions.js";

const SECONDS = 5;
const ROUNDS = 5;
const ENTERED = 30;

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const cost = await measureSessions(option("--seconds", SECONDS), ENTERED, option("--rounds", ROUNDS));
if (process.argv.includes("--json")) console.log(JSON.stringify(cost));
else {
  const share = (of: number) => `${(of * 100).toFixed(2)} % of a CPU`;
  const found = ({ found: seen, unseen }: Found) => `${seen} of ${cost.entered} found, ${unseen} counted`;
  const rows = [
    ["agent of an idle container, --strangers off", share(cost.idleWithout)],
    ["the same, --strangers container", share(cost.idle)],
    ["runc exec ... /bin/true", found(cost.runtime)],
    ["nsenter ... /bin/true", found(cost.namespaces)],
    ["a read of one byte, without an agent", `${cost.nativeRead.toFixed(0)} ns`],
    ["the same, of a session stopped call by call", `${cost.stoppedRead.toFixed(0)} ns`],
  ];
  for (const [what, figure] of rows) console.log(`${what!.padEnd(46)} ${figure}`);
}
process.exit(0);

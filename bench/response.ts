// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- response [--rounds N] [--json]`: of N reverse shells (200) that kill-tree answers, how
// many ran a program of their attacker before they were killed. Nothing holds a shell until its alert is
// answered, so this is a matter of speed: bash's start against an alert and its response.
import { reverseShells } from "../test/e2e/reverse-shells.js";

const MANNERS = [
  { manner: "both tiers", flags: [], env: {} },
  { manner: "trace tier", flags: ["--tiers", "trace"], env: {} },
  { manner: "as under Linux 5.10", flags: [], env: { VEDETTE_ASSUME_KERNEL: "5.10" } },
];

const at = process.argv.indexOf("--rounds");
const rounds = at < 0 ? 200 : Number(process.argv[at + 1]);
const found: { manner: string; shells: number; killed: number; ran: number }[] = [];
for (const { manner, flags, env } of MANNERS) {
  const { shells, done, ran } = await reverseShells({ rounds, mode: "enforce", flags, env });
  found.push({ manner, shells, killed: done.length, ran: ran.length });
}
if (process.argv.includes("--json")) console.log(JSON.stringify(found));
else
  for (const { manner, shells, killed, ran } of found)
    console.log(`${manner.padEnd(22)} ${shells} shells, ${killed} killed, ${ran} ran a program before`);

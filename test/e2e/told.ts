// SPDX-License-Identifier: Apache-2.0
//
// What tests of failing hosts share: how soon each failure must be told, and a rule that few bytes of a
// workload can break.

export const TOLD_MS_MAX = 2_000;
/** A scheduler's turn, on a machine that does other things too. */
export const SLACK_MS = 20_000;
/** A rules file of Falco's: an open of whatever begins with /nonesuch. */
export const NONESUCH = JSON.stringify([
  {
    rule: "nonesuch",
    desc: "d",
    condition: "evt.type in (open, openat) and fd.name startswith /nonesuch",
    output: "seen %fd.name",
    priority: "NOTICE",
  },
]);

// SPDX-License-Identifier: Apache-2.0
//
// Programs of every kind, run bare and watched with the default pack: the same output, errors, status and
// files, and no alert of Warning or above but those that a program's row names. CI runs some;
// VEDETTE_CORPUS=all runs all and has their packages installed, VEDETTE_CORPUS_ROUNDS=3 runs each so many
// times. One: `npm test -- corpus lighttpd`.
// Time limit: 7200 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CORPUS, differences, runBare, runWatched } from "./corpus.js";
import { hasCommand, scratch, selected } from "./programs.js";

const ROUNDS = Number(process.env.VEDETTE_CORPUS_ROUNDS ?? 1);
const asked = selected([...CORPUS]);
const rows =
  asked.length < CORPUS.length || process.env.VEDETTE_CORPUS === "all" ? asked : CORPUS.filter((row) => row.inCi);
const base = scratch();

for (const program of rows) {
  const title = `${program.name}: does the same as without Vedette, and is accused of nothing`;
  const missing = program.needs.filter((command) => !hasCommand(command));
  if (missing.length > 0) {
    console.log(`skip: ${title}: no ${missing.join(", ")} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const bare = await runBare(program, base);
    assert.is(bare.status, program.status ?? 0, `the program itself fails here: ${bare.stdout}${bare.stderr}`);
    for (let round = 0; round < ROUNDS; round++) {
      const { told, alerts } = await runWatched(program, base);
      assert.is(differences(bare, told), "");
      assert.is(alerts.map(({ rule, output }) => `${rule}: ${output}`).join("\n"), "");
    }
  });
}

test.run();

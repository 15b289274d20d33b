// SPDX-License-Identifier: Apache-2.0
//
// What reads bytes of others on the capture side, with chance for some seconds: ELF files, .eh_frame, Go's
// table of functions, the cache of sites, and the batches of peers. `npm run fuzz -- capture` takes longer.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFuzzers, fuzz } from "./fuzz/fuzzers.js";

const SECONDS = Number(process.env.VEDETTE_FUZZ_SECONDS ?? 8);

test("any bytes are read without a wrong step: ELF, unwind entries, Go's functions, the cache of sites, batches", async () => {
  await buildFuzzers();
  const outcomes = await fuzz(SECONDS);
  assert.equal(
    outcomes.filter(({ wrong }) => wrong !== "").map(({ name, wrong }) => `${name}: ${wrong}`),
    [],
  );
  for (const { name, runs } of outcomes) assert.ok(runs > 100, `${name}: ${runs} inputs only`);
});

test.run();

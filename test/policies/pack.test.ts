// SPDX-License-Identifier: Apache-2.0
// Every policy of the pack, and every meter, passes its own tests.yaml. Every rule has a test in which it
// speaks and one in which it does not, and every instrument one that expects something of it.
import { basename, relative } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runTrials } from "../../host/engine/trial.js";
import { METERS, PACK, ROOT } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { PolicyCompiler } from "../../host/policy/compile.js";
import { findPolicies } from "../../host/policy/discover.js";
import { loadPolicy } from "../../host/policy/load.js";
import { runPolicyTests } from "../../host/policy/test-run.js";

const compiler = new PolicyCompiler();
/** A word of each protocol's tables, and who uses the protocol. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  SMIMEA: ["unusual-dns", "dns", "golden-signals"],
  ZREVRANGEBYSCORE: ["redis", "golden-signals"],
  HV00A: ["postgresql", "golden-signals"],
  CHECKSUM: ["mysql", "golden-signals"],
  replSetStepDown: ["mongodb", "golden-signals"],
  OffsetForLeaderEpoch: ["kafka", "golden-signals"],
  "ntske/1": ["tls", "golden-signals"],
  OPTIONS: ["http-client", "http-server", "golden-signals"],
  FAILED_PRECONDITION: ["http-client", "http-server", "golden-signals"],
};
const words = Object.keys(WORDS);

for (const folder of [...findPolicies(PACK), ...findPolicies(METERS)]) {
  test(`${relative(ROOT, folder)} passes its tests`, async () => {
    const bundle = openBundle(folder);
    const report = await runPolicyTests(await loadPolicy(bundle, { compiler }), bundle, runTrials);
    const failed = report.outcomes.filter((outcome) => outcome.differences.length > 0);
    assert.is(failed.map(({ name, differences }) => `${name}\n  ${differences.join("\n  ")}`).join("\n"), "");
    assert.equal(report.missing, []);
    assert.ok(report.outcomes.length > 0);
  });

  test(`${relative(ROOT, folder)} carries the words of no protocol but its own`, async () => {
    const { bytes } = (await loadPolicy(openBundle(folder), { compiler })).admitted;
    const carried = words.filter((word) => Buffer.from(bytes).includes(Buffer.from(word, "utf16le")));
    assert.equal(
      carried,
      words.filter((word) => WORDS[word]!.includes(basename(folder))),
    );
  });
}

test.after(() => compiler.close());
test.run();

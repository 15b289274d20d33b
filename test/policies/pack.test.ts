// SPDX-License-Identifier: Apache-2.0
// Every policy of the pack, and every meter, passes its own tests.yaml. Every rule has a test in which it
// speaks and one in which it does not, and every instrument one that expects something of it.
// Time limit: 360 s.
import { relative } from "node:path";
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

for (const folder of [...findPolicies(PACK), ...findPolicies(METERS)]) {
  test(`${relative(ROOT, folder)} passes its tests`, async () => {
    const bundle = openBundle(folder);
    const report = await runPolicyTests(await loadPolicy(bundle, { compiler }), bundle, runTrials);
    const failed = report.outcomes.filter((outcome) => outcome.differences.length > 0);
    assert.is(failed.map(({ name, differences }) => `${name}\n  ${differences.join("\n  ")}`).join("\n"), "");
    assert.equal(report.missing, []);
    assert.ok(report.outcomes.length > 0);
  });
}

test.after(() => compiler.close());
test.run();

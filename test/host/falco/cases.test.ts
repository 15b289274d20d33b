// SPDX-License-Identifier: Apache-2.0
// Falco's regression fixtures, as far as loading goes: each file of rules gives its exit status, its codes
// and the kinds of item that the errors stand in.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadRules } from "../../../host/falco/load.js";
import { CASES, fixture, GIVEN, withFalco } from "./shared.js";

// What these cases ask of Falco's drop counters and of its configuration is asked of the commands elsewhere.
const NOT_LOADING = /^(Legacy_MonitorSyscallDrops|Config_RuleMatchingWrongValue)/;

withFalco("Falco has cases of loading", () => assert.ok(CASES.length > 0 || GIVEN !== null));

for (const c of CASES) {
  if (NOT_LOADING.test(c.name) || c.exit === undefined) continue;
  withFalco(`${c.name} gives exit status ${c.exit} and [${c.codes ?? ""}]`, () => {
    const loaded = loadRules(c.rules.map(fixture));
    const findings = loaded.results.flatMap((r) => [...r.errors, ...r.warnings]);
    const said = findings.map((f) => `${f.code}: ${f.message}\n${f.context}`).join("\n");
    assert.is(loaded.ok ? 0 : 1, c.exit, said);
    c.codes?.forEach((code, i) => {
      const item = c.itemTypes?.[i];
      const isThere = findings.some(
        (f) => f.code === code && f.context.steps.some((s) => item === undefined || s.item === item),
      );
      assert.ok(isThere, `${code} in ${item}\n${said}`);
    });
  });
}

test.run();

// SPDX-License-Identifier: Apache-2.0
// `vedette policy check --falco FILE...`: what Falco's own validation (`falco -V`) would say, in its words or as its JSON.
import { VedetteError } from "../errors.js";
import { loadRules } from "../falco/load.js";
import { readRuleFiles } from "../falco/policy.js";
import { print } from "./print.js";

export function checkFalco(paths: readonly string[], options: { json?: boolean; falcoExact?: boolean }): number {
  const files = readRuleFiles(paths);
  if (files.length === 0) {
    throw new VedetteError("VEDETTE_FALCO_RULES", { path: paths.join(" "), reason: "there is no file of rules in it" });
  }
  const { results, contents, ok } = loadRules(files, { isFalcoExact: options.falcoExact ?? false, isCheck: true });
  if (options.json === true)
    print([JSON.stringify({ falco_load_results: results.map((one) => one.toJson(contents)) })]);
  else print(results.map((one) => one.text(contents).trimEnd()));
  return ok ? 0 : 1;
}

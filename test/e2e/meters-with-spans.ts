// SPDX-License-Identifier: Apache-2.0
//
// A copy of the meters in which some make spans: a policy's parameters are set in its policy.yaml.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { METERS } from "../../host/paths.js";

/** The folders of these meters, in a copy below `folder`. */
export function metersWithSpans(folder: string, ...names: readonly string[]): string[] {
  const meters = join(folder, "meters");
  cpSync(METERS, meters, { recursive: true });
  return names.map((name) => {
    const file = join(meters, name, "policy.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace(/(spans:[\s\S]*?default: )false/, "$1true"));
    return join(meters, name);
  });
}

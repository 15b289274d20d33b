// SPDX-License-Identifier: Apache-2.0
// The build's last step: compiles the pack and the meters, so that no `vedette run` has to. An unchanged
// policy costs a look at the folder that a package takes along, which holds their modules and nothing else.
// Of the modules that users' policies became, those that nobody asked for in a long time are thrown out.
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { explain, VedetteError } from "../errors.js";
import { builtFile, METERS, PACK } from "../paths.js";
import { PolicyCompiler, SHIPPED } from "./compile.js";
import { loadPolicies } from "./load.js";

const KEPT_MAX = 500;

try {
  const compiler = new PolicyCompiler(SHIPPED);
  try {
    await loadPolicies([PACK, METERS], { compiler });
  } finally {
    compiler.close();
  }
  for (const name of readdirSync(SHIPPED)) if (!compiler.asked.has(name)) rmSync(join(SHIPPED, name));
  prune(builtFile("policies/cache"));
} catch (error) {
  if (!(error instanceof VedetteError)) throw error;
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = error.exit;
}

function prune(folder: string): void {
  if (!existsSync(folder)) return;
  const files = readdirSync(folder).map((name) => join(folder, name));
  const byAge = files.map((path) => ({ path, at: statSync(path).mtimeMs })).sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(KEPT_MAX)) rmSync(path);
}

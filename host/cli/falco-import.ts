// SPDX-License-Identifier: Apache-2.0
// `vedette policy import-falco FILE...`: a policy's folder made of Falco's rules, which runs without them:
// policy.wasm, and a policy.yaml in which rules can be switched off or given another priority.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { stringify } from "yaml";
import { VedetteError } from "../errors.js";
import { type FalcoFlags, falcoPolicy, optionsIn } from "../falco/falco.js";
import { whileShowing } from "../output/progress.js";
import { MODULE_FILE } from "../policy/load.js";
import { POLICY_FILE } from "../policy/policy-file.js";
import { reasonOf } from "../reason.js";
import { admit } from "../wasm/admission.js";
import { warn } from "./failure.js";
import { sayOptions } from "./falco-judging.js";
import { counted, print } from "./print.js";

const VERSION = "1.0.0";

/** Writes the folder. Throws VEDETTE_POLICY_EXISTS where other files stand in it, and gives status 0. */
export async function importFalco(paths: readonly string[], flags: FalcoFlags, folder: string): Promise<number> {
  const options = optionsIn(flags);
  sayOptions(options, flags);
  const { wasm, policy, dead } = await whileShowing("compiling", () =>
    falcoPolicy({ ...flags, falcoRules: paths }, options, warn),
  );
  // A policy's folder is loaded within the bounds of any policy.
  if (policy !== null) await admit(wasm, folder);
  const others = existsSync(folder)
    ? readdirSync(folder).filter((name) => name !== MODULE_FILE && name !== POLICY_FILE)
    : [];
  if (others.length > 0) throw new VedetteError("VEDETTE_POLICY_EXISTS", { path: folder });
  const head = {
    name: nameOf(folder),
    version: VERSION,
    description: `Falco rules of ${paths.map((path) => basename(path)).join(", ")}`,
  };
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, MODULE_FILE), wasm);
    if (!existsSync(join(folder, POLICY_FILE))) writeFileSync(join(folder, POLICY_FILE), stringify(head));
  } catch (cause) {
    throw new VedetteError("VEDETTE_POLICY_UNWRITABLE", { path: folder, reason: reasonOf(cause) }, { cause });
  }
  print([`${folder}: ${counted(policy?.rules.length ?? 0, "rule")}, ${wasm.length} bytes`]);
  if (dead.length > 0) warn(`vedette: ${counted(dead.length, "rule")} left out, since no event here can match`);
  return 0;
}

/** A folder's name as a policy's: small letters, digits, dots and dashes. */
function nameOf(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "falco" : name;
}

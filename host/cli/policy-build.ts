// SPDX-License-Identifier: Apache-2.0
// `vedette policy build DIR [-o FILE]`: the module alone, for a sensor that has no compiler. It is admitted
// before it is written.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { VedetteError } from "../errors.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler } from "../policy/compile.js";
import { loadPolicy, MODULE_FILE, moduleBytes } from "../policy/load.js";
import { readPolicyFile } from "../policy/policy-file.js";
import { reasonOf } from "../reason.js";
import { judgesOf } from "./judges.js";
import { print } from "./print.js";

/** Writes the module to `output`. Throws VEDETTE_POLICY_UNWRITABLE, gives status 0. */
export async function buildPolicy(folder: string, output = join(folder, MODULE_FILE)): Promise<number> {
  const compiler = new PolicyCompiler();
  try {
    const bundle = openBundle(folder);
    const policy = await whileShowing("compiling", () => loadPolicy(bundle, { compiler }));
    const bytes = await moduleBytes(bundle, readPolicyFile(bundle).value, compiler);
    try {
      writeFileSync(output, bytes);
    } catch (error) {
      throw new VedetteError("VEDETTE_POLICY_UNWRITABLE", { path: output, reason: reasonOf(error) }, { cause: error });
    }
    print([`${output}: ${policy.name} ${policy.version}, ${judgesOf(policy)}, ${bytes.length} bytes`]);
    return 0;
  } finally {
    compiler.close();
  }
}

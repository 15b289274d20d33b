// SPDX-License-Identifier: Apache-2.0
// Rule files as a policy, for who judges what happened long ago: rules that were compiled before are taken as
// they were kept, with all that was said of them, and nothing that reads or compiles rules is loaded. No
// command that guards a program does this: the program may write what Vedette's user may write.
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedPolicy } from "../engine/policy.js";
import { admittedPolicy } from "./admitted.js";
import type { FalcoFlags } from "./flags.js";
import { keepRules, keptFolder, keptRules } from "./kept-rules.js";
import type { RuleFile } from "./load.js";
import type { FalcoOptions } from "./options.js";
import type { FalcoPolicy } from "./policy.js";
import { readRuleFiles } from "./rule-files.js";

export { optionsIn } from "./options.js";

const IS_BUILT = !import.meta.url.endsWith(".ts");
/** Of the modules; or of the files in which they are bundled (image/bundle.ts). */
const CODE = new URL(import.meta.url.endsWith("/falco/kept-policy.js") ? "../.." : ".", import.meta.url);

/** As falcoPolicy of policy.ts. */
export async function falcoPolicy(
  flags: FalcoFlags,
  options: FalcoOptions,
  onWarning: (text: string) => void,
): Promise<{ readonly policy: LoadedPolicy | null; readonly captures?: FalcoPolicy["captures"] }> {
  const folder = IS_BUILT && flags.strict !== true ? keptFolder(process.env) : null;
  const files = readRuleFiles(flags.falcoRules);
  const key = folder === null ? "" : keyOf(files, flags, options);
  const kept = folder === null ? null : keptRules(folder, key);
  if (kept !== null) {
    const policy = await admittedPolicy(kept.wasm, flags, options.bytes);
    for (const text of kept.said) onWarning(text);
    return { policy };
  }
  const said: string[] = [];
  const say = (text: string): void => {
    said.push(text);
    onWarning(text);
  };
  const made = await (await import("./policy.js")).falcoPolicy(flags, options, say, files);
  if (folder !== null && made.policy !== null) keepRules(folder, key, { said, wasm: made.wasm });
  return made;
}

/** Names everything that the module and what is said of it come from. */
function keyOf(files: readonly RuleFile[], flags: FalcoFlags, options: FalcoOptions): string {
  const { matching, falcoExact, tag, withoutTag, withoutRule } = flags;
  const chosen = { matching, falcoExact, tag, withoutTag, withoutRule };
  const { file: _, http: __, replayed: ___, ...ofRules } = options; // where alerts go, and what is judged
  const parts = [codeStamp(), chosen, { ...ofRules, statics: [...options.statics] }, files];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Another for every build of Vedette, wherever it was put. */
function codeStamp(): string[] {
  const folder = fileURLToPath(CODE);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.c?js$/.test(name));
  return files.sort().map((name) => {
    const { size, ctimeMs } = statSync(join(folder, name));
    return `${join(folder, name)} ${size} ${ctimeMs}`;
  });
}

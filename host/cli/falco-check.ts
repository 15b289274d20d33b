// SPDX-License-Identifier: Apache-2.0
// `vedette policy check --falco FILE...`: whether the rules would run. It reports what was loaded as Falco's
// own validation (`falco -V`) does, in its words or as its JSON. Then it compiles and admits the rules as
// `run` does, and names those that could never fire or that ask for what is not done here.
import { checkedPolicy, type FalcoFlags, optionsIn, refuseDead, refuseUnreadable } from "../falco/falco.js";
import { whileShowing } from "../output/progress.js";
import { say } from "./failure.js";
import { sayOptions } from "./falco-judging.js";
import { print, printJson } from "./print.js";

/**
 * Gives status 0 where the rules load, else 1. Throws VEDETTE_FALCO_UNREADABLE where a file cannot be read,
 * and VEDETTE_FALCO_DEAD_RULES where `--strict` asks for it.
 */
export async function checkFalco(flags: FalcoFlags, options: { json?: boolean }): Promise<number> {
  const read = optionsIn(flags);
  const { loaded, dead, notes } = await whileShowing("compiling", () => checkedPolicy(flags, read));
  sayOptions(read, flags);
  const { results, contents, ok } = loaded;
  if (options.json === true) {
    const own = dead.length > 0 ? { vedette_dead_rules: dead } : {};
    printJson({ falco_load_results: results.map((one) => one.toJson(contents)), ...own });
  } else {
    print(results.filter((one) => one.unreadable === null).map((one) => one.text(contents).trimEnd()));
    refuseUnreadable(loaded);
  }
  for (const note of notes) say(`vedette: ${note}`, "warning");
  refuseDead(dead, flags);
  return ok ? 0 : 1;
}

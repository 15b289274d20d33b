// SPDX-License-Identifier: Apache-2.0
// What `vedette falco` says of itself: `--version`, and `--support` as one JSON object for whoever helps.
import { readFileSync } from "node:fs";
import { arch, hostname, release, type as systemName, version as systemVersion } from "node:os";
import { join } from "node:path";
import { type ConfigFile, ENGINE_VERSION, readRuleFiles, versionText } from "../falco/falco.js";
import { ROOT } from "../paths.js";
import { print, printJson } from "./print.js";

/** Vedette's version and that of Falco's rule language. */
export const versionJson = (): string =>
  JSON.stringify({ vedette_version: ownVersion(), engine_version_semver: versionText(ENGINE_VERSION) });

/** Prints Vedette's version and the version of Falco's rule language. Gives status 0. */
export function printVersion(isJson: boolean): number {
  if (isJson) print([versionJson()]);
  else print([`Vedette version: ${ownVersion()}`, `Engine:          ${versionText(ENGINE_VERSION)}`]);
  return 0;
}

/** Prints the system, the configuration and the rule files, unredacted. Gives status 0. */
export function printSupport(file: ConfigFile | null, rules: readonly string[]): number {
  printJson({
    version: ownVersion(),
    engine_version: versionText(ENGINE_VERSION),
    system_info: {
      machine: arch(),
      nodename: hostname(),
      release: release(),
      sysname: systemName(),
      version: systemVersion(),
    },
    cmdline: process.argv.slice(2).join(" "),
    config: file?.text ?? "",
    rules_files: readRuleFiles(rules).map(({ name, content }) => ({ name, variants: [{ content: content ?? "" }] })),
  });
  return 0;
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}

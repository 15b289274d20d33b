// SPDX-License-Identifier: Apache-2.0
// Where the parts of this package stand that are not JavaScript: the SDK, the generated code, the default policies. The same
// answer from the sources (tsx) and from build/js.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGE = findPackage(dirname(fileURLToPath(import.meta.url)));
export const SDK = join(PACKAGE, "rules-wasm");
export const GENERATED = join(PACKAGE, "build/generated/as");
export const PACK = join(PACKAGE, "policies");

function findPackage(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "asconfig.json")) && existsSync(join(folder, "rules-wasm"))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package around ${from}`);
  }
}

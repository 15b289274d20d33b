// SPDX-License-Identifier: Apache-2.0
// Where the SDK stands, and a digest of all of it that a compiled policy depends on: SDK, generated contract,
// compiler and its options. Two policies of the same source are the same module only under the same digest.
import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { builtFile, ROOT } from "../paths.js";

/** Folder of the SDK. */
export const SDK = join(ROOT, "rules-wasm");
/** Folder of the SDK's classes that come from events.yaml. */
export const GENERATED = builtFile("generated/as");

let digest: string | undefined;

/** Reads the SDK once a process: it does not change under a running one. */
export function sdkDigest(): string {
  if (digest !== undefined) return digest;
  const hash = createHash("sha256");
  const { version } = createRequire(import.meta.url)("assemblyscript/package.json") as { version: string };
  hash.update(`assemblyscript ${version}\n`);
  hash.update(readFileSync(join(ROOT, "asconfig.json")));
  for (const folder of [SDK, GENERATED]) addFolder(hash, folder);
  digest = hash.digest("hex");
  return digest;
}

function addFolder(hash: Hash, folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) addFolder(hash, path);
    else hash.update(`${entry.name}\0`).update(readFileSync(path));
  }
}

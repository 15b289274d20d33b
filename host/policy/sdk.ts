// SPDX-License-Identifier: Apache-2.0
// Where the SDK stands, and a digest of all of it that a compiled policy depends on: SDK, generated contract,
// compiler and its options. Two policies of the same source are the same module only under the same digest.
import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { builtFile, ROOT } from "../paths.js";
import { VERSION } from "../version.js";

/** Folder of the SDK. */
export const SDK = join(ROOT, "rules-wasm");
/** Folder of the SDK's classes that come from events.yaml. */
export const GENERATED = builtFile("generated/as");

/** How policies write a version: `0.1`, `1.2.3`. */
export const SDK_VERSION = /^\d{1,5}\.\d{1,5}(\.\d{1,5})?$/;

/** Whether `has` can compile what was written for `wanted`: it is of the same major version, and no older. */
export function offersSdk(wanted: string, has: string = VERSION): boolean {
  const [asked, ours] = [wanted, has].map((version) => version.split(".").map((part) => Number.parseInt(part, 10)));
  const [major = 0, minor = 0, patch = 0] = asked!;
  const [ourMajor = 0, ourMinor = 0, ourPatch = 0] = ours!;
  return major === ourMajor && (minor < ourMinor || (minor === ourMinor && patch <= ourPatch));
}

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

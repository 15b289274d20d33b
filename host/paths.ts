// SPDX-License-Identifier: Apache-2.0
// Where the things stand that the build made. This file runs as build/js/host/paths.js in a package, and as
// host/paths.ts in tests: from both, the root is the nearest folder above that has a package.json.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the built tree or the installed package. */
export const ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

/** A file of build/. */
export const builtFile = (name: string): string => join(ROOT, "build", name);

/**
 * What was compiled for this processor: `vedette-capture`, `vedette-jail`, `capture.node`. It stands in
 * build/, or in the package that npm chose for this machine, `@vedette/linux-x64` (host/image/npm.ts).
 */
export function nativeFile(name: string): string {
  const built = builtFile(name);
  if (existsSync(built)) return built;
  try {
    const manifest = `@vedette/${process.platform}-${process.arch}/package.json`;
    return join(dirname(createRequire(import.meta.url).resolve(manifest)), name);
  } catch {
    return built; // whoever needs it says that it is missing
  }
}

/** The policies that come with Vedette. */
export const PACK = join(ROOT, "policies");
/** Policies that measure and come with Vedette. None runs unless it is named. */
export const METERS = join(ROOT, "meters");

function findRoot(folder: string): string {
  const above = dirname(folder);
  return existsSync(join(folder, "package.json")) || above === folder ? folder : findRoot(above);
}

// SPDX-License-Identifier: Apache-2.0
// The host in a few files instead of some five hundred, modules and all: at a quarter of a CPU every file that Node looks up, opens
// and compiles delays the start of a task. All of them lie in one folder, so that what is found beside an entry is found beside all.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "../paths.js";

/** What Node is started with, children too; by their names in build/js/host. */
const ENTRIES = ["main", "engine/cell-child", "policy/compile-child"];
/** The build has made one file of each thread already. */
const THREADS = ["worker", "trial-worker"];
/** Modules in CommonJS ask for Node's own by a function that modules in ESM have not. */
const BANNER = 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);';

/** `external`: modules that the image does not have; who asks for them is told so then. */
export async function bundleHost(to: string, external: readonly string[]): Promise<void> {
  await build({
    entryPoints: ENTRIES.map((name) => join(ROOT, "build/js/host", `${name}.js`)),
    outdir: to,
    entryNames: "[name]",
    chunkNames: "part-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minifyWhitespace: true,
    minifySyntax: true,
    external: external.flatMap((name) => [name, `${name}/*`]),
    banner: { js: BANNER },
    logLevel: "warning",
  });
  for (const name of THREADS) cpSync(join(ROOT, "build/js/host/engine", `${name}.cjs`), join(to, `${name}.cjs`));
}

// SPDX-License-Identifier: Apache-2.0
// The host in a few files instead of some five hundred, modules and all: at a quarter of a CPU every file
// that Node looks up, opens and compiles delays the start of a task. All of them lie in one folder, so that
// what is found beside an entry is found beside all. The image has them in build/js/host, and every other
// build in build/host, where main.ts finds them.
//
//   start.cjs   what is started (start.ts)          main.cjs, main.cache   the host, and its code as V8 has compiled it
//   modules.cjs   requires what main.cjs imports of Node's
//   main.js     the same, by the name that the host has outside packages     *-child.js, *.cjs   processes and threads
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { ROOT } from "../paths.js";
import { HOST_FILE, MODULES_FILE } from "./start.js";

const HOST = join(ROOT, "build/js/host");
/** As main.ts has them: what keeps the standard streams safe comes before the rest. */
const ENTRY = ["node-version", "standard-streams", "cli/command"];
/** What Node is started with as a child; by their names in build/js/host. */
const CHILDREN = ["engine/cell-child", "policy/trial-child", "policy/compile-child", "policy/ways-child"];
/** The build has made one file of each thread already. */
const THREADS = [
  "engine/worker",
  "engine/trial-worker",
  "store/store-thread",
  "evidence/evidence-thread",
  "evidence/capture-thread",
  "control/condition-thread",
];
/** Modules in CommonJS ask for Node's own by a function that modules in ESM have not. */
const ESM_BANNER =
  'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);';
/** And ours ask for their own address, which CommonJS has as a path. */
const CJS_BANNER = 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;';
/**
 * Large, and asked for only by who has the store in a database, or publishes on a bus: others need not keep
 * their text in memory. By what it is imported as: what is bundled, into a file of that name.
 */
const APART: Readonly<Record<string, string>> = {
  pg: fileURLToPath(import.meta.resolve("pg")),
  "./nats-library.js": join(HOST, "output/nats-library.js"),
};
const apart: Plugin = {
  name: "apart",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^(pg|\.\/nats-library\.js)$/ }, ({ path }) => ({
      path: `./${fileOf(path)}`,
      external: true,
    })),
};
const fileOf = (imported: string): string => `${basename(imported, ".js")}.cjs`;
const CACHE_MS_MAX = 300_000;

const COMMON = {
  bundle: true,
  platform: "node",
  target: "node24",
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
} as const satisfies BuildOptions;
const CJS = {
  ...COMMON,
  format: "cjs",
  charset: "ascii",
  define: { "import.meta.url": "moduleUrl" },
  logOverride: { "empty-import-meta": "silent" }, // asked for in sources alone (host/thread.ts)
  banner: { js: CJS_BANNER },
} as const satisfies BuildOptions;

/**
 * `external`: modules that the image does not have; who asks for them is told so then. `plugins`: for who
 * measures what a part of it costs.
 */
export async function bundleHost(
  to: string,
  external: readonly string[],
  plugins: readonly Plugin[] = [],
): Promise<void> {
  const missing = external.flatMap((name) => [name, `${name}/*`]);
  const entry = { contents: ENTRY.map((name) => `import "./${name}.js";`).join("\n"), resolveDir: HOST };
  const { outputs } = await build({
    ...CJS,
    stdin: entry,
    outfile: join(to, HOST_FILE),
    external: missing,
    plugins: [...plugins, apart],
    metafile: true,
  }).then(({ metafile }) => metafile);
  const imported = Object.values(outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const requires = [...new Set(imported)].filter(isBuiltin).map((name) => `require("${name}");\n`);
  writeFileSync(join(to, MODULES_FILE), requires.join(""));
  // A library may print what a server sends, which would stand among alerts.
  for (const [imported, from] of Object.entries(APART))
    await build({ ...CJS, drop: ["console"], entryPoints: [from], outfile: join(to, fileOf(imported)) });
  await build({
    ...CJS,
    entryPoints: [join(HOST, "image/start.js")],
    outfile: join(to, "start.cjs"),
    define: { ...CJS.define, IS_ENTRY: "true" },
  });
  writeFileSync(join(to, "main.js"), 'import "./start.cjs";\n');
  await build({
    ...COMMON,
    entryPoints: CHILDREN.map((name) => join(HOST, `${name}.js`)),
    outdir: to,
    entryNames: "[name]",
    chunkNames: "part-[hash]",
    splitting: true,
    format: "esm",
    external: missing,
    banner: { js: ESM_BANNER },
  });
  for (const name of THREADS) cpSync(join(HOST, `${name}.cjs`), join(to, `${basename(name)}.cjs`));
}

/**
 * Starts a bundled host once, policies and all, to keep what V8 has compiled. Without flags, as the image
 * starts it. `manner`: "serve" for a host that only serves, "all" for one that also compiles Falco's rules.
 */
export function keepCompiled(folder: string, manner: "serve" | "all"): void {
  const scratch = mkdtempSync(join(tmpdir(), "vedette-package-"));
  const { NODE_OPTIONS: _, ...environment } = process.env;
  try {
    const script = fileURLToPath(new URL("./code-cache.js", import.meta.url));
    execFileSync(process.execPath, [script, folder, scratch, manner], {
      env: { ...environment, VEDETTE_RULE_CACHE: "off" },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: CACHE_MS_MAX,
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

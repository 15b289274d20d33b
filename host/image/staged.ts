// SPDX-License-Identifier: Apache-2.0
// What packages hold, of the built tree: the host with its policies and docs, what was compiled for this
// processor, and the modules that the host needs. package.json lists the first (`files`).
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { builtFile, ROOT } from "../paths.js";
import { commit } from "../version.js";

/** What package.json has, of which these are looked at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts?: unknown;
  readonly devDependencies?: unknown;
}

/** The project's own. */
export const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
/**
 * What the package.json of each package says of where it comes from. VEDETTE_REPOSITORY is the address of the
 * public repository, `https://...`: with it, `npm publish` in that repository's CI also makes the statement
 * of provenance, which npm compares with the address.
 */
export function origin(): object {
  const gitHead = commit() ?? undefined;
  const url = process.env.VEDETTE_REPOSITORY;
  if (url === undefined) return { gitHead };
  const repository = { type: "git", url: `git+${url.replace(/(\.git)?\/?$/, "")}.git` };
  return { gitHead, repository, publishConfig: { access: "public", provenance: true } };
}

/** package.json, into a folder. */
export function stageManifest(folder: string, content: object = manifest): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...content, ...origin() }, null, 2)}\n`);
}

/** In build/. */
export const NATIVE: readonly string[] = ["vedette-capture", "vedette-jail", "capture.node"];
/** As npm names processors. */
export const PLATFORM = `linux-${process.arch}`;
/** Every processor that there is a package for, as npm names it: as Debian and OCI, and as compilers. */
const PROCESSORS = {
  x64: { architecture: "amd64", compiler: "x86_64" },
  arm64: { architecture: "arm64", compiler: "aarch64" },
} as const;
/** A processor, as npm and Node name it. */
export type Processor = keyof typeof PROCESSORS;
/** All of them. */
export const processors = Object.keys(PROCESSORS) as Processor[];
/** This machine's. */
export const OWN = process.arch as Processor;
/** As Debian and OCI name one: Go's word. */
export const architectureOf = (processor: Processor): string => PROCESSORS[processor].architecture;
/** As compilers name one. */
export const compilerOf = (processor: Processor): string => PROCESSORS[processor].compiler;
/** This machine's, as Debian names it. */
export const ARCHITECTURE = architectureOf(OWN);

const LISTED_BYTES_MAX = 64 << 20;

/** What each part of `npm run package` is told: `--arch x64|arm64`, perhaps twice, and a folder. */
export const asked = readAsked();

function readAsked(): {
  readonly to: string | undefined;
  readonly processors: readonly Processor[];
  readonly isByName: boolean;
} {
  const options = { arch: { type: "string", multiple: true } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const { arch = [] } = values;
  const unknown = arch.find((one) => !Object.hasOwn(PROCESSORS, one));
  if (unknown !== undefined) throw new Error(`--arch ${unknown}: there are ${processors.join(" and ")}`);
  const named = processors.filter((one) => arch.includes(one));
  return { to: positionals[0], processors: named.length > 0 ? named : processors, isByName: named.length > 0 };
}

/** Says that a package cannot be made here. Where somebody asked for it, that is an error. */
export function leaveOut(what: string, missing: string): null {
  if (asked.isByName) throw new Error(`${what} cannot be made: ${missing} is missing`);
  console.log(`without ${what}: ${missing} is missing`);
  return null;
}

/** What npm prints; its warnings are left out. */
export function askNpm(...words: readonly string[]): string {
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return execFileSync("npm", words, { cwd: ROOT, encoding: "utf8", maxBuffer: LISTED_BYTES_MAX, stdio });
}

/** The host, for every processor. */
export function stageHost(folder: string): void {
  for (const path of packedFiles()) if (!NATIVE.includes(path.replace(/^build\//, ""))) copy(path, join(folder, path));
}

/**
 * The folder of NATIVE for a processor, below ROOT. For another one than this machine's it is made now, with
 * Debian's cross compiler. null: that is not installed.
 */
export function compiledFor(processor: Processor): string | null {
  if (processor === OWN) return "build";
  const compiler = compilerOf(processor);
  if (spawnSync(`${compiler}-linux-gnu-g++`, ["--version"]).status !== 0) return null;
  const what = [`ARCH=${compiler}`, "-j2", "agent", "addon"];
  execFileSync("make", ["-C", "capture", ...what], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  return `build/${compiler}`;
}

/** Copies a file of the built tree. */
export function copy(path: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(ROOT, path), target);
}

/** What `vedette man` and `vedette completion` print. */
export function said(...words: readonly string[]): Buffer {
  return execFileSync(process.execPath, [builtFile("js/host/main.js"), ...words]);
}

/** Folders of the modules that the host needs, below ROOT: `node_modules/yaml`. */
export function neededModules(): string[] {
  const paths = askNpm("ls", "--omit=dev", "--all", "--parseable").trim().split("\n");
  return paths.map((path) => relative(ROOT, path)).filter((path) => path.startsWith("node_modules/"));
}

/** Folders of the modules that are in the console's script, as above. */
export async function bundledModules(): Promise<string[]> {
  const entryPoints = [join(ROOT, "web/main.tsx")];
  const how = { format: "esm", jsx: "automatic", jsxImportSource: "preact" } as const;
  const { metafile } = await build({ entryPoints, ...how, bundle: true, write: false, metafile: true, outdir: "out" });
  const paths = Object.keys(metafile.inputs).map((path) => relative(ROOT, join(process.cwd(), path)));
  return [...new Set(paths.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))];
}

/** As npm understands `files`. */
function packedFiles(): string[] {
  const listed = askNpm("pack", "--dry-run", "--json", "--ignore-scripts");
  const [packed] = Object.values(JSON.parse(listed) as Record<string, { files: { path: string }[] }>);
  return packed!.files.map(({ path }) => path);
}

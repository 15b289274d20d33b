// SPDX-License-Identifier: Apache-2.0
// What packages hold, of the built tree: the host with its policies and docs, what was compiled for this
// processor, and the modules that the host needs. package.json lists the first (`files`).
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
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
/** As Debian and OCI name this one: Go's word. */
export const ARCHITECTURE = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;

const LISTED_BYTES_MAX = 64 << 20;

/** What npm prints; its warnings are left out. */
export function askNpm(...words: readonly string[]): string {
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return execFileSync("npm", words, { cwd: ROOT, encoding: "utf8", maxBuffer: LISTED_BYTES_MAX, stdio });
}

/** The host, for every processor. */
export function stageHost(folder: string): void {
  for (const path of packedFiles()) if (!NATIVE.includes(path.replace(/^build\//, ""))) copy(path, join(folder, path));
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

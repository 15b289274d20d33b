// SPDX-License-Identifier: Apache-2.0
// The last part of `npm run package`: two packages for npm, in build/package/npm or the folder that is given.
//
//   vedette-VERSION.tgz             host, SDK, policies with their modules, docs: the same for every processor
//   vedette-linux-x64-VERSION.tgz   @vedette/linux-x64: agent, jail and addon, so that no machine needs a compiler
//
// The first names the second as an optional dependency: npm takes the one that fits the machine. package.json
// lists what the first holds (`files`). Neither runs a script when it is installed. The same files give the
// same bytes: npm writes one date for all of them.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { builtFile, ROOT } from "../paths.js";

/** What package.json has, of which these are looked at. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly files: readonly string[];
  readonly scripts?: unknown;
  readonly devDependencies?: unknown;
}

const NATIVE = ["vedette-capture", "vedette-jail", "capture.node"];
const MANUAL = "vedette.1";
const LISTED_BYTES_MAX = 16 << 20;

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
const platform = `linux-${process.arch}`;
const to = resolve(process.argv[2] ?? builtFile("package/npm"));

rmSync(to, { recursive: true, force: true });
pack(stageHost(join(to, "host")));
pack(stageNative(join(to, platform)));

function stageHost(folder: string): string {
  for (const path of packedFiles()) if (!NATIVE.includes(path.replace(/^build\//, ""))) copy(path, join(folder, path));
  writeFileSync(join(folder, MANUAL), execFileSync(process.execPath, [builtFile("js/host/main.js"), "man"]));
  const { scripts: _, devDependencies: __, ...kept } = manifest;
  const files = [...kept.files, MANUAL];
  writeManifest(folder, {
    ...kept,
    files,
    man: MANUAL,
    optionalDependencies: { [`@vedette/${platform}`]: manifest.version },
  });
  return folder;
}

function stageNative(folder: string): string {
  for (const name of NATIVE) copy(`build/${name}`, join(folder, name));
  copy("LICENSE", join(folder, "LICENSE"));
  const { version, license } = manifest;
  writeManifest(folder, {
    name: `@vedette/${platform}`,
    version,
    description: `What Vedette has compiled for ${platform}: the capture agent, the jail and the addon`,
    license,
    os: ["linux"],
    cpu: [process.arch],
    files: NATIVE,
  });
  return folder;
}

/** As npm understands `files`. */
function packedFiles(): string[] {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: LISTED_BYTES_MAX,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [packed] = Object.values(JSON.parse(listed) as Record<string, { files: { path: string }[] }>);
  return packed!.files.map(({ path }) => path);
}

function copy(path: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(ROOT, path), target);
}

function writeManifest(folder: string, content: object): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function pack(folder: string): void {
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", to], {
    cwd: folder,
    stdio: "pipe",
  });
}

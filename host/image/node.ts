// SPDX-License-Identifier: Apache-2.0
// The Node that a package for a processor brings, and the libraries that it and the addon need. For this
// machine's they are the Node that runs this, and what the loader names. For another processor they are npm's
// Node, as .ci/node pins it, and what Debian's cross compiler has. What npm brings is kept in build/node.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { builtFile, ROOT } from "../paths.js";
import { compilerOf, OWN, type Processor } from "./staged.js";

/** Node for one processor. */
export interface PackagedNode {
  readonly path: string;
  /** `24.21.0` */
  readonly version: string;
}

const INSTALL_MS_MAX = 300_000;

/** null: npm's registry cannot be asked. */
export function nodeFor(processor: Processor): PackagedNode | null {
  if (processor === OWN) return { path: realpathSync(process.execPath), version: process.versions.node };
  const folder = builtFile(`node/${processor}`);
  const lock = join(ROOT, ".ci/node", String(Number.parseInt(process.versions.node, 10)), "package-lock.json");
  const kept = join(folder, "package-lock.json");
  if (!existsSync(kept) || !readFileSync(kept).equals(readFileSync(lock)))
    if (!fetch(processor, lock, folder)) return null;
  const home = join(folder, "node_modules", `node-linux-${processor}`);
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string };
  return { path: join(home, "bin/node"), version };
}

function fetch(processor: Processor, lock: string, folder: string): boolean {
  const made = `${folder}.${process.pid}`;
  mkdirSync(made, { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(lock, "..", name), join(made, name));
  const words = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--os=linux", `--cpu=${processor}`];
  try {
    execFileSync("npm", words, { cwd: made, stdio: "pipe", timeout: INSTALL_MS_MAX });
  } catch {
    rmSync(made, { recursive: true, force: true });
    return false;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
  return true;
}

/** Files that the loader opens for `programs`: where they stand in the package, and here. */
export function librariesOf(processor: Processor, programs: readonly string[]): Map<string, string> {
  return processor === OWN ? ownLibraries(programs) : crossLibraries(compilerOf(processor), programs);
}

function ownLibraries(programs: readonly string[]): Map<string, string> {
  const listed = programs.map((file) => execFileSync("ldd", [file], { encoding: "utf8" }));
  return new Map((listed.join("").match(/\/\S+(?= \(0x)/g) ?? []).map((path) => [path, realpathSync(path)]));
}

/** Debian's loader looks below /lib/aarch64-linux-gnu; itself it stands in /lib. */
function crossLibraries(compiler: string, programs: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const look = (file: string): void => {
    const dynamic = execFileSync("readelf", ["-d", file], { encoding: "utf8" });
    for (const [, name = ""] of dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
      const inside = name.startsWith("ld-") ? `/lib/${name}` : `/lib/${compiler}-linux-gnu/${name}`;
      if (found.has(inside)) continue;
      found.set(inside, realpathSync(`/usr/${compiler}-linux-gnu/lib/${name}`));
      look(found.get(inside)!);
    }
  };
  for (const file of programs) look(file);
  return found;
}

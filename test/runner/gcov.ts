// SPDX-License-Identifier: Apache-2.0
//
// Which lines of capture/ were run by what `make -C capture COVERAGE=1` builds. gcov says it of each object,
// as JSON: a line counts once, also where several objects have it (a header, a template).
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import type { FileCoverage } from "./coverage.js";

const AT_ONCE = 16;

interface Told {
  files: { file: string; lines: { line_number: number; count: number }[] }[];
}

/** `built`: the folder of that build. Objects that never ran count, too. */
export async function gcovOf(root: string, built: string): Promise<FileCoverage[]> {
  const objects = join(built, "obj/capture");
  const notes = readdirSync(objects, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".gcno"));
  const counts = new Map<string, Map<number, number>>();
  for (let at = 0; at < notes.length; at += AT_ONCE) {
    const files = notes.slice(at, at + AT_ONCE).map((name) => join(objects, name));
    // Where nothing was counted, gcov says so on stderr, and tells the lines all the same.
    const { stdout } = await promisify(execFile)("gcov", ["--json-format", "--stdout", ...files], {
      cwd: join(root, "capture"), // where the compiler ran
      maxBuffer: 1 << 30,
    });
    for (const line of stdout.split("\n").filter(Boolean)) add(counts, root, JSON.parse(line) as Told);
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, lines]) => fileCoverage(path, lines));
}

function add(counts: Map<string, Map<number, number>>, root: string, { files }: Told): void {
  for (const { file, lines } of files) {
    const path = relative(root, resolve(root, "capture", file));
    if (!path.startsWith("capture/")) continue;
    const known = counts.get(path) ?? new Map<number, number>();
    counts.set(path, known);
    for (const { line_number: line, count } of lines) known.set(line, (known.get(line) ?? 0) + count);
  }
}

function fileCoverage(path: string, lines: ReadonlyMap<number, number>): FileCoverage {
  const missing = [...lines].filter(([, count]) => count === 0).map(([line]) => line);
  return { path, lines: lines.size, covered: lines.size - missing.length, missing: missing.sort((a, b) => a - b) };
}

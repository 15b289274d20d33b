// SPDX-License-Identifier: Apache-2.0
// Version 0.1 as it was: the sidecar's root that its `npm run package` makes, built from this repository's
// history (the commit before CHANGELOG.md says Unreleased). That takes some two minutes of CPU, and the npm
// registry, so it is done once and kept in build/first-release.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const KEPT = resolve("build/first-release");
const STEP_MS_MAX = 400_000;
const ENGINE = "build/js/host/engine";
/** Of its Makefile, those without which GCC would not take a header that it has read before. */
const FLAGS = "-O2 -std=c++20 -Wall -Wextra -fno-exceptions -fno-rtti -fno-plt -ffunction-sections -fdata-sections";
const STEPS = [
  "npm ci --ignore-scripts",
  "npx tsx capture/wire/generate.ts",
  // The Makefile's own -O2 without -g, and the standard headers read once for all files: the same code, for
  // half of the compiler's time.
  "grep -hoE '^#include <[a-z_0-9]+>' capture/*/*.h capture/*/*.cc | sort -u >standard.h",
  `\${CXX:-g++} ${FLAGS} -x c++-header standard.h`,
  'CXXFLAGS="-O2 -include $PWD/standard.h" make -C capture agent -j2',
  "npx node-gyp configure --directory capture/addon",
  "npx node-gyp build --directory capture/addon",
  "cp capture/addon/build/Release/capture.node build/capture.node",
  "npx tsc -p .",
  `cd ${ENGINE} && npx esbuild worker.js trial-worker.js --bundle --platform=node --format=cjs \\
    --out-extension:.js=.cjs --outdir=. --log-level=warning`,
  "node build/js/host/fargate/package.js",
];

/** What is missing to run 0.1; null when it can be had. */
export function missingFirstRelease(): string | null {
  return existsSync(KEPT) || commit() !== "" ? null : "this repository's history";
}

/** Its root file system. Builds it where it is not kept. */
export function firstRelease(): string {
  if (!existsSync(KEPT)) build();
  return KEPT;
}

function build(): void {
  const folder = `${KEPT}.made`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const run = (command: string) =>
    execFileSync("bash", ["-o", "pipefail", "-c", command], { cwd: folder, stdio: "pipe", timeout: STEP_MS_MAX });
  run(`git -C ${resolve(".")} archive ${commit()} | tar x`);
  for (const step of STEPS) run(step);
  renameSync(join(folder, "build/package/rootfs"), KEPT);
  rmSync(folder, { recursive: true, force: true });
}

/** Empty where the history does not reach so far. */
function commit(): string {
  const words = ["log", "--reverse", "--format=%P", "-S## Unreleased", "--", "CHANGELOG.md"];
  const { stdout } = spawnSync("git", words, { encoding: "utf8" });
  return stdout?.split("\n")[0] ?? "";
}

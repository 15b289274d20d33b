// SPDX-License-Identifier: Apache-2.0
// The last part of `npm run build`: the host as the few files that main.ts starts, in build/host, and what V8
// has compiled of them. They are made in a folder of their own, which then takes the other's place. V8 tells
// one file from another by its length alone: code compiled of an earlier file must never lie beside a new
// one.
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { builtFile } from "../paths.js";
import { bundleHost, keepCompiled } from "./bundle.js";

const [folder, next, last] = [builtFile("host"), builtFile("host.new"), builtFile("host.old")];
/** npm installs it beside Vedette, as the modules have it. */
const APART = ["assemblyscript"];

for (const rest of [next, last]) rmSync(rest, { recursive: true, force: true });
mkdirSync(next, { recursive: true });
await bundleHost(next, APART);
try {
  keepCompiled(next, "all");
} catch (error) {
  process.stderr.write(`the host will start more slowly: its code could not be kept compiled: ${error}\n`);
}
try {
  renameSync(folder, last);
} catch {} // the first build
renameSync(next, folder);
rmSync(last, { recursive: true, force: true });

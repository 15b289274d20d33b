// SPDX-License-Identifier: Apache-2.0
// The last part of `npm run build`: the host as the few files that main.ts starts, in build/host, and what V8
// has compiled of them.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { builtFile } from "../paths.js";
import { bundleHost, keepCompiled } from "./bundle.js";
import { CACHE_FILE, HOST_FILE } from "./start.js";

const folder = builtFile("host");
/** npm installs it beside Vedette, as the modules have it. */
const APART = ["assemblyscript"];

mkdirSync(folder, { recursive: true });
const before = host();
await bundleHost(folder, APART);
if (host() !== before || !existsSync(join(folder, CACHE_FILE))) keepCompiled(folder, "all");

function host(): string {
  const file = join(folder, HOST_FILE);
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

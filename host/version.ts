// SPDX-License-Identifier: Apache-2.0
// Which version of Vedette this is.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./paths.js";

/** As package.json has it. */
export const VERSION = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;

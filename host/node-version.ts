// SPDX-License-Identifier: Apache-2.0
// Ends the process where its Node is too old, before anything else is imported that an old one may not know.
import { writeSync } from "node:fs";
import { explain, VedetteError } from "./errors.js";

/** The first release that Vedette runs on; `engines` in package.json and .ci/node/use say the same. */
export const NODE_NEEDED = 24;

const STDERR = 2;
const found = process.versions.node;
if (Number.parseInt(found, 10) < NODE_NEEDED) {
  const error = new VedetteError("VEDETTE_NODE_TOO_OLD", { needed: NODE_NEEDED, found });
  writeSync(STDERR, `vedette: ${explain(error)}\n`);
  process.exit(error.exit);
}
